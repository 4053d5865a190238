package remoting

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// unescape reads the rest of a string that began at start and whose first escape is at escape.
func (d *jsonDecoder) unescape(start, escape int) string {
	out := make([]byte, 0, closing(d.s, start)-start)
	from := start
	for i := escape; i < len(d.s); i++ {
		switch d.s[i] {
		case '"':
			out = append(out, d.s[from:i]...)
			d.i = i + 1
			return unsafe.String(unsafe.SliceData(out), len(out))
		case '\\':
			out = append(out, d.s[from:i]...)
			r, n := escaped(d.s[i+1:])
			if n == 0 {
				d.fail("unknown escape")
				return ""
			}
			out = utf8.AppendRune(out, r)
			i += n
			from = i + 1
		}
	}
	d.fail("string does not end")
	return ""
}

// closing returns where the string that began at start is closed, or the end of s.
func closing(s string, start int) int {
	for i := start; i < len(s); i++ {
		switch s[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
	return len(s)
}

// escaped decodes the escape after a backslash and returns how many bytes it takes, 0 if there is no such escape.
func escaped(s string) (rune, int) {
	if s == "" {
		return 0, 0
	}
	switch s[0] {
	case '"', '\\', '/', '\'':
		return rune(s[0]), 1
	case 'b':
		return '\b', 1
	case 'f':
		return '\f', 1
	case 'n':
		return '\n', 1
	case 'r':
		return '\r', 1
	case 't':
		return '\t', 1
	case 'u':
		return escapedUnit(s)
	}
	return 0, 0
}

// escapedUnit decodes uXXXX, or the two of a surrogate pair; a lone surrogate becomes U+FFFD.
func escapedUnit(s string) (rune, int) {
	first, ok := hex4(s, 1)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(first) {
		return first, 5
	}
	if len(s) >= 7 && s[5] == '\\' && s[6] == 'u' {
		if second, ok := hex4(s, 7); ok {
			if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
				return r, 11
			}
		}
	}
	return utf8.RuneError, 5
}

func hex4(s string, at int) (rune, bool) {
	if len(s) < at+4 || s[at] == '+' || s[at] == '-' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[at:at+4], 16, 16)
	return rune(n), err == nil
}
