package remoting

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// unescape reads the rest of a string that began at start and whose first escape is at escape.
func (d *jsonDecoder) unescape(start, escape int) string {
	var out strings.Builder
	out.Grow(closing(d.s, start) - start)
	from := start
	for i := escape; i < len(d.s); i++ {
		switch d.s[i] {
		case '"':
			out.WriteString(d.s[from:i])
			d.i = i + 1
			return out.String()
		case '\\':
			out.WriteString(d.s[from:i])
			r, n := escaped(d.s[i+1:])
			if n == 0 {
				d.fail("unknown escape")
				return ""
			}
			out.WriteRune(r)
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

// hex4 reads the four hex digits at s[at:].
func hex4(s string, at int) (r rune, ok bool) {
	if len(s) < at+4 {
		return 0, false
	}
	for _, ch := range []byte(s[at : at+4]) {
		switch {
		case '0' <= ch && ch <= '9':
			ch -= '0'
		case 'a' <= ch && ch <= 'f':
			ch -= 'a' - 10
		case 'A' <= ch && ch <= 'F':
			ch -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(ch)
	}
	return r, true
}
