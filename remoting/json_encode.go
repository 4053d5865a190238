package remoting

import (
	"strconv"
	"unicode/utf8"
)

// appendJSON appends a JSON header as remoting.md section 2.3 wants it: values of extFields are strings, keys stand in
// the alphabetical order in which RocketMQ prints them. A response always has an extFields object, because Java and Node
// look into it without asking.
func appendJSON(dst []byte, c *Command) []byte {
	dst = append(dst, `{"code":`...)
	dst = strconv.AppendInt(dst, int64(c.Code), 10)
	if len(c.Ext) > 0 || c.IsResponse() {
		dst = append(dst, `,"extFields":{`...)
		for i, f := range c.Ext {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendQuoted(dst, f.Key)
			dst = append(dst, ':')
			dst = appendQuoted(dst, f.Value)
		}
		dst = append(dst, '}')
	}
	dst = append(dst, `,"flag":`...)
	dst = strconv.AppendInt(dst, int64(c.Flag), 10)
	dst = append(dst, `,"language":"`...)
	dst = append(dst, c.Language.String()...)
	dst = append(dst, `","opaque":`...)
	dst = strconv.AppendInt(dst, int64(c.Opaque), 10)
	if c.Remark != "" {
		dst = append(dst, `,"remark":`...)
		dst = appendQuoted(dst, c.Remark)
	}
	dst = append(dst, `,"version":`...)
	dst = strconv.AppendInt(dst, int64(c.Version), 10)
	return append(dst, '}')
}

// appendQuoted appends s as a JSON string. Invalid UTF-8 becomes U+FFFD.
func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := plainPrefix(s); i < len(s); i += plainPrefix(s[i:]) {
		ch := s[i]
		if ch >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
		}
		dst = append(dst, s[from:i]...)
		dst = appendEscape(dst, ch)
		i++
		from = i
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

// plainPrefix returns how many bytes at the start of s stand in a JSON string as they are, looking at eight at a time.
func plainPrefix(s string) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(s); i += 8 {
		w := uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
			uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
		quote, slash := w^'"'*ones, w^'\\'*ones
		// A byte's high bit is set where the byte is not ASCII, below ' ', or equal to one of the two; a borrow may mark a plain byte
		// above such a one too, which the loop below sorts out.
		if (w|(w-' '*ones)|(quote-ones)|(slash-ones))&highs != 0 {
			break
		}
	}
	for ; i < len(s); i++ {
		if ch := s[i]; ch < ' ' || ch == '"' || ch == '\\' || ch >= utf8.RuneSelf {
			break
		}
	}
	return i
}

// appendEscape appends one byte that may not stand in a JSON string as it is.
func appendEscape(dst []byte, ch byte) []byte {
	const hexDigits = "0123456789abcdef"
	switch {
	case ch >= utf8.RuneSelf:
		return append(dst, "\uFFFD"...)
	case ch < ' ':
		return append(dst, '\\', 'u', '0', '0', hexDigits[ch>>4], hexDigits[ch&15])
	}
	return append(dst, '\\', ch)
}
