package fastjson

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ErrSyntax: the input is no JSON, not even in fastjson's dialect.
var ErrSyntax = errors.New("malformed JSON")

// ErrLimit: the input is nested deeper, has more values, or grows larger than allowed.
var ErrLimit = errors.New("JSON beyond its limits")

// Limits bound the work of one input. Zero fields take the defaults in brackets.
type Limits struct {
	Depth  int // of nested objects and arrays [16]
	Values int // of all kinds, keys not counted [262,144]
	Bytes  int // of output [8 times the input and 64 KiB]
}

func (l Limits) withDefaults(input int) Limits {
	if l.Depth <= 0 {
		l.Depth = 16
	}
	if l.Values <= 0 {
		l.Values = 1 << 18
	}
	if l.Bytes <= 0 {
		l.Bytes = 8*input + 64<<10
	}
	return l
}

// Unmarshal decodes src into v as encoding/json does, after Standard.
func Unmarshal(src []byte, v any, l Limits) error {
	std, err := Standard(src, l)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(std, v); err != nil {
		return fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	return nil
}

// Standard returns src as standard JSON. A key that is an object becomes a string with that object's text. Space around
// the value is allowed, anything else after it is not. Errors wrap ErrSyntax or ErrLimit.
func Standard(src []byte, l Limits) ([]byte, error) {
	c := converter{src: src, limits: l.withDefaults(len(src)), out: make([]byte, 0, len(src)+len(src)/8)}
	c.value()
	c.space()
	if c.err == nil && c.i != len(src) {
		c.fail(ErrSyntax, "text after the value")
	}
	if c.err != nil {
		return nil, c.err
	}
	return c.out, nil
}

// converter copies values from src[i:] to out. After the first error it stands still.
type converter struct {
	src    []byte
	i      int
	out    []byte
	depth  int
	values int
	walked int
	limits Limits
	err    error
}

// value converts one value of any kind.
func (c *converter) value() {
	if c.values++; c.values > c.limits.Values {
		c.fail(ErrLimit, "too many values")
	}
	if len(c.out) > c.limits.Bytes {
		c.fail(ErrLimit, "too large")
	}
	switch ch := c.peek(); ch {
	case '{':
		c.object()
	case '[':
		c.array()
	case '"', '\'':
		c.out = appendQuoted(c.out, c.text(ch))
	default:
		c.literal()
	}
}

func (c *converter) array() {
	c.open()
	for n := 0; c.more(']', n); n++ {
		c.value()
	}
	c.close(']')
}

// object converts an object. One whose first key is $ref is replaced by what that refers to.
func (c *converter) object() {
	start := len(c.out)
	c.open()
	for n := 0; c.more('}', n); n++ {
		at := len(c.out)
		c.key()
		if n == 0 && string(c.out[at:]) == `"$ref"` {
			c.reference(start)
			return
		}
		if c.peek() != ':' {
			c.fail(ErrSyntax, "want :")
			return
		}
		c.i++
		c.out = append(c.out, ':')
		c.value()
	}
	c.close('}')
}

// open passes an opening bracket.
func (c *converter) open() {
	if c.depth++; c.depth > c.limits.Depth {
		c.fail(ErrLimit, "nested too deep")
		return
	}
	c.out = append(c.out, c.src[c.i])
	c.i++
}

// close writes a closing bracket, which more has passed.
func (c *converter) close(bracket byte) {
	c.depth--
	c.out = append(c.out, bracket)
}

// more reports whether element n follows and writes the comma before it; a comma before the closing bracket is dropped.
func (c *converter) more(bracket byte, n int) bool {
	ch := c.peek()
	if n > 0 && ch == ',' {
		c.i++
		ch = c.peek()
	} else if n > 0 && ch != bracket {
		c.fail(ErrSyntax, "want , or "+string(bracket))
	}
	switch {
	case c.err != nil:
		return false
	case ch == bracket:
		c.i++
		return false
	case n > 0:
		c.out = append(c.out, ',')
	}
	return true
}

// key converts a key to a string: one in either quotes, a number or a bare word, or an object, whose text it becomes.
func (c *converter) key() {
	switch ch := c.peek(); {
	case ch == '"' || ch == '\'':
		c.out = appendQuoted(c.out, c.text(ch))
	case ch == '{':
		at := len(c.out)
		c.object()
		text := string(c.out[at:])
		c.out = appendQuoted(c.out[:at], text)
	default:
		c.out = appendQuoted(c.out, c.word())
	}
}

// word reads what a bare key may be made of.
func (c *converter) word() string {
	start := c.i
	for c.i < len(c.src) && (isWord(c.src[c.i]) || c.src[c.i] == '-') {
		c.i++
	}
	if start == c.i {
		c.fail(ErrSyntax, "want a key")
	}
	return string(c.src[start:c.i])
}

func isWord(ch byte) bool {
	return '0' <= ch && ch <= '9' || 'a' <= ch && ch <= 'z' || 'A' <= ch && ch <= 'Z' || ch == '_' || ch == '$'
}

// literal converts a number, true, false or null. NaN is null, as fastjson prints it elsewhere.
func (c *converter) literal() {
	start := c.i
	for c.i < len(c.src) && (isWord(c.src[c.i]) || c.src[c.i] == '+' || c.src[c.i] == '-' || c.src[c.i] == '.') {
		c.i++
	}
	t := c.src[start:c.i]
	switch {
	case string(t) == "NaN":
		c.out = append(c.out, "null"...)
	case len(t) > 0 && json.Valid(t):
		c.out = append(c.out, t...)
	default:
		c.fail(ErrSyntax, "want a value")
	}
}

// peek returns the next byte that is no space, without passing it; 0 at the end and after an error.
func (c *converter) peek() byte {
	c.space()
	if c.err != nil || c.i == len(c.src) {
		return 0
	}
	return c.src[c.i]
}

func (c *converter) space() {
	for c.i < len(c.src) && (c.src[c.i] == ' ' || c.src[c.i] == '\n' || c.src[c.i] == '\r' || c.src[c.i] == '\t') {
		c.i++
	}
}

func (c *converter) fail(kind error, why string) {
	if c.err == nil {
		c.err = fmt.Errorf("%w at byte %d: %s", kind, c.i, why)
	}
}
