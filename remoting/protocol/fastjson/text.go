package fastjson

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// text reads a string in quotes of the kind given and returns its value.
func (c *converter) text(quote byte) string {
	rest := c.src[c.i+1:]
	end := bytes.IndexByte(rest, quote)
	if end >= 0 && bytes.IndexByte(rest[:end], '\\') < 0 {
		c.i += end + 2
		return string(rest[:end])
	}
	var out []byte
	for i := 0; i < len(rest); i++ {
		switch ch := rest[i]; ch {
		case quote:
			c.i += i + 2
			return string(out)
		case '\\':
			r, n := unescape(rest[i+1:])
			if n == 0 {
				c.i += i
				c.fail(ErrSyntax, "unknown escape")
				return ""
			}
			out = utf8.AppendRune(out, r)
			i += n
		default:
			out = append(out, ch)
		}
	}
	c.fail(ErrSyntax, "string does not end")
	return ""
}

// unescape decodes the escape after a backslash, the standard ones and fastjson's \v, \', \0 to \7 and \xHH. It returns how
// many bytes it takes, 0 if there is no such escape.
func unescape(b []byte) (rune, int) {
	if len(b) == 0 {
		return 0, 0
	}
	switch ch := b[0]; ch {
	case '"', '\\', '/', '\'':
		return rune(ch), 1
	case 'b':
		return '\b', 1
	case 'f', 'F':
		return '\f', 1
	case 'n':
		return '\n', 1
	case 'r':
		return '\r', 1
	case 't':
		return '\t', 1
	case 'v':
		return '\v', 1
	case '0', '1', '2', '3', '4', '5', '6', '7':
		return rune(ch - '0'), 1
	case 'x':
		if r, ok := hexDigits(b, 1, 2); ok {
			return r, 3
		}
	case 'u':
		return unescapeUnit(b)
	}
	return 0, 0
}

// unescapeUnit decodes uXXXX, or the two of a surrogate pair; a lone surrogate becomes U+FFFD.
func unescapeUnit(b []byte) (rune, int) {
	first, ok := hexDigits(b, 1, 4)
	if !ok {
		return 0, 0
	}
	if utf16.IsSurrogate(first) && len(b) > 6 && b[5] == '\\' && b[6] == 'u' {
		if second, ok := hexDigits(b, 7, 4); ok && utf16.DecodeRune(first, second) != utf8.RuneError {
			return utf16.DecodeRune(first, second), 11
		}
	}
	return first, 5 // AppendRune turns a surrogate into U+FFFD
}

func hexDigits(b []byte, at, n int) (rune, bool) {
	if len(b) < at+n {
		return 0, false
	}
	v, err := strconv.ParseUint(string(b[at:at+n]), 16, 16)
	return rune(v), err == nil
}

// appendQuoted appends s as a standard JSON string; invalid UTF-8 becomes U+FFFD.
func appendQuoted(dst []byte, s string) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < ' ':
			dst = append(dst, '\\', 'u', '0', '0', digits[r>>4], digits[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}
