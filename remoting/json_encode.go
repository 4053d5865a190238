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
	for i := 0; i < len(s); {
		ch := s[i]
		if ch >= ' ' && ch != '"' && ch != '\\' && ch < utf8.RuneSelf {
			i++
			continue
		}
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
