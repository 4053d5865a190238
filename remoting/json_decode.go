package remoting

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/raftmq/raftmq/remoting/protocol"
)

const (
	jsonDepthMax  = 16
	jsonFieldsMax = 256
)

// decodeJSON decodes a JSON header as tolerantly as RocketMQ does (remoting.md section 2.2): fields in any order and
// unknown ones, numbers and booleans as extFields (kept as their text), missing fields, space around. It refuses what no
// client sends: a key twice, nesting deeper than 16, more than 256 fields. Invalid UTF-8 is replaced as Java replaces it.
// The strings of c are parts of s wherever they hold no escape.
func decodeJSON(s string, c *Command) error {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	d := jsonDecoder{s: s}
	seen := uint(0)
	d.enter('{')
	for n := 0; d.more('}', n); n++ {
		bit := d.field(d.key(), c)
		if seen&bit != 0 {
			d.fail("key twice")
		}
		seen |= bit
	}
	d.space()
	if d.bad == "" && d.i != len(d.s) {
		d.fail("text after the header")
	}
	if d.bad != "" {
		return fmt.Errorf("%w: JSON header at byte %d: %s", ErrFrame, d.i, d.bad)
	}
	return nil
}

// jsonDecoder reads values at s[i:] and remembers the first thing that was bad; from then on it stands still.
type jsonDecoder struct {
	s     string
	i     int
	depth int
	bad   string
}

// field reads the value of one key of the header and returns its bit; 0 is a key that we do not know.
func (d *jsonDecoder) field(key string, c *Command) uint {
	switch key {
	case "code":
		c.Code = d.int32()
		return 1
	case "language":
		c.Language = d.language()
		return 2
	case "version":
		c.Version = d.int32()
		return 4
	case "opaque":
		c.Opaque = d.int32()
		return 8
	case "flag":
		c.Flag = d.int32()
		return 16
	case "remark":
		c.Remark, _ = d.text()
		return 32
	case "extFields":
		c.Ext = d.extFields(c.Ext)
		return 64
	}
	d.skip()
	return 0
}

// extFields reads an object of scalars, or null.
func (d *jsonDecoder) extFields(room protocol.Fields) protocol.Fields {
	if d.peek() == 'n' {
		d.literal()
		return room
	}
	ext := extBuilder{fields: room}
	d.enter('{')
	for n := 0; d.more('}', n); n++ {
		key := d.key()
		value, ok := d.text()
		if d.bad != "" || !ok {
			continue
		}
		if err := ext.add(key, value); err != nil {
			d.fail(err.Error())
		}
	}
	return ext.fields
}

// key reads a key and its colon.
func (d *jsonDecoder) key() string {
	if d.peek() != '"' {
		d.fail("want a key")
		return ""
	}
	key := d.quoted()
	if d.peek() != ':' {
		d.fail("want :")
		return ""
	}
	d.i++
	return key
}

// enter passes the bracket that opens an object or array.
func (d *jsonDecoder) enter(open byte) {
	if d.depth++; d.depth > jsonDepthMax {
		d.fail("nested too deep")
	} else if d.peek() != open {
		d.fail("want " + string(open))
	} else {
		d.i++
	}
}

// more reports whether element n of an object or array follows, after passing the comma before it or the closing bracket.
func (d *jsonDecoder) more(closing byte, n int) bool {
	switch ch := d.peek(); {
	case d.bad != "":
		return false
	case ch == closing:
		d.i++
		d.depth--
		return false
	case n == jsonFieldsMax:
		d.fail("too many fields")
		return false
	case n == 0:
		return true
	case ch == ',':
		d.i++
		return true
	}
	d.fail("want , or " + string(closing))
	return false
}

// text reads a scalar as text; ok is false for null.
func (d *jsonDecoder) text() (value string, ok bool) {
	switch d.peek() {
	case '"':
		return d.quoted(), true
	case 'n':
		d.literal()
		return "", false
	}
	return d.literal(), true
}

// int32 reads an integer of 32 bits, also in quotes; null is 0.
func (d *jsonDecoder) int32() int32 {
	t, ok := d.text()
	if !ok || d.bad != "" {
		return 0
	}
	n, err := strconv.ParseInt(t, 10, 32)
	if err != nil {
		d.fail("want an integer of 32 bits")
	}
	return int32(n)
}

// language reads a name, or an ordinal as old clients send it; null and what we do not know is Other.
func (d *jsonDecoder) language() protocol.Language {
	quoted := d.peek() == '"'
	t, _ := d.text()
	if !quoted {
		if n, err := strconv.ParseUint(t, 10, 8); err == nil && n <= uint64(protocol.NodeJS) {
			return protocol.Language(n)
		}
	}
	return protocol.LanguageOf(t)
}

// literal reads a number, true, false or null and returns its text.
func (d *jsonDecoder) literal() string {
	d.space()
	start := d.i
	for d.i < len(d.s) && literalByte(d.s[d.i]) {
		d.i++
	}
	t := d.s[start:d.i]
	if t != "true" && t != "false" && t != "null" && !isNumber(t) {
		d.fail("want a value")
	}
	return t
}

func literalByte(ch byte) bool {
	return '0' <= ch && ch <= '9' || 'a' <= ch && ch <= 'z' || ch == 'E' || ch == '+' || ch == '-' || ch == '.'
}

// isNumber reports whether t is a number of JSON.
func isNumber(t string) bool {
	t = strings.TrimPrefix(t, "-")
	whole := digits(t)
	rest := t[whole:]
	if whole == 0 || whole > 1 && t[0] == '0' {
		return false
	}
	if fraction, ok := strings.CutPrefix(rest, "."); ok {
		n := digits(fraction)
		if n == 0 {
			return false
		}
		rest = fraction[n:]
	}
	if rest != "" && (rest[0] == 'e' || rest[0] == 'E') {
		exponent := strings.TrimLeft(rest[1:], "+-")
		return len(rest)-len(exponent) <= 2 && exponent != "" && digits(exponent) == len(exponent)
	}
	return rest == ""
}

// digits returns how many digits t begins with.
func digits(t string) int {
	n := 0
	for n < len(t) && '0' <= t[n] && t[n] <= '9' {
		n++
	}
	return n
}

// skip reads any value and drops it.
func (d *jsonDecoder) skip() {
	switch d.peek() {
	case '"':
		d.quoted()
	case '{':
		d.enter('{')
		for n := 0; d.more('}', n); n++ {
			d.key()
			d.skip()
		}
	case '[':
		d.enter('[')
		for n := 0; d.more(']', n); n++ {
			d.skip()
		}
	default:
		d.literal()
	}
}

// quoted reads a string. It is a part of d.s unless it has escapes.
func (d *jsonDecoder) quoted() string {
	s, start := d.s, d.i+1
	for i := start; i < len(s); i++ { // most strings are short: a loop beats a search
		switch s[i] {
		case '"':
			d.i = i + 1
			return s[start:i]
		case '\\':
			return d.unescape(start, i)
		}
	}
	d.fail("string does not end")
	return ""
}

func (d *jsonDecoder) peek() byte {
	d.space()
	if d.bad != "" || d.i == len(d.s) {
		return 0
	}
	return d.s[d.i]
}

func (d *jsonDecoder) space() {
	for d.i < len(d.s) && (d.s[d.i] == ' ' || d.s[d.i] == '\n' || d.s[d.i] == '\r' || d.s[d.i] == '\t') {
		d.i++
	}
}

func (d *jsonDecoder) fail(why string) {
	if d.bad == "" {
		d.bad = why
	}
}
