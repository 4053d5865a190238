package fastjson

import (
	"encoding/json"
	"strconv"
	"strings"
)

// walkedMax bounds the bytes of output through which references of one input are followed.
const walkedMax = 64 << 20

// reference replaces the object that began at start of the output, {"$ref":"$.a.b[0]"}, by a copy of the value at that
// path. fastjson prints a reference only to what it has printed before, so the path is followed in the output. A path to
// an object that is not complete yet would be a cycle, which no body has.
func (c *converter) reference(start int) {
	c.peek()
	if c.err == nil && (c.i == len(c.src) || c.src[c.i] != ':') {
		c.fail(ErrSyntax, "want :")
		return
	}
	c.i++
	quote := c.peek()
	if quote != '"' && quote != '\'' {
		c.fail(ErrSyntax, "want a path")
		return
	}
	path := c.text(quote)
	if c.peek() != '}' {
		c.fail(ErrSyntax, "want }")
		return
	}
	c.i++
	c.depth--
	if c.walked += start; c.walked > walkedMax {
		c.fail(ErrLimit, "references")
		return
	}
	found := follow(c.out[:start], path)
	if found == nil {
		c.fail(ErrSyntax, "reference "+strconv.Quote(path)+" to nothing")
		return
	}
	depth, values := measure(found)
	if c.values += values; c.depth+depth > c.limits.Depth || c.values > c.limits.Values || start+len(found) > c.limits.Bytes {
		c.fail(ErrLimit, "references")
		return
	}
	c.out = append(c.out[:start], found...)
}

// follow returns the value at a path such as $.table.key[0] in doc, the beginning of a standard document, or nil if there
// is none that is complete. A backslash in the path escapes the character after it.
func follow(doc []byte, path string) []byte {
	rest, ok := strings.CutPrefix(path, "$")
	if !ok || rest == "" {
		return nil
	}
	for rest != "" && doc != nil {
		var step string
		step, rest = nextStep(rest)
		if step == "" {
			return nil
		}
		doc = child(doc, step)
	}
	if n := valueEnd(doc); n > 0 {
		return doc[:n]
	}
	return nil
}

// nextStep splits off ".key" or "[index]".
func nextStep(path string) (step, rest string) {
	if path[0] == '[' {
		i := strings.IndexByte(path, ']')
		if i < 0 {
			return "", ""
		}
		return path[1:i], path[i+1:]
	}
	if path[0] != '.' {
		return "", ""
	}
	var key strings.Builder
	i := 1
	for ; i < len(path) && path[i] != '.' && path[i] != '['; i++ {
		if path[i] == '\\' && i+1 < len(path) {
			i++
		}
		key.WriteByte(path[i])
	}
	return key.String(), path[i:]
}

// child returns what stands in doc from the value of key, or of the element with that index, on; nil if it is not there.
func child(doc []byte, step string) []byte {
	if len(doc) == 0 || doc[0] != '{' && doc[0] != '[' {
		return nil
	}
	array := doc[0] == '['
	rest := doc[1:]
	for n := 0; len(rest) > 0 && rest[0] != '}' && rest[0] != ']'; n++ {
		name := strconv.Itoa(n)
		if !array {
			end := valueEnd(rest)
			if end <= 0 || end >= len(rest) || json.Unmarshal(rest[:end], &name) != nil {
				return nil
			}
			rest = rest[end+1:] // and the colon
		}
		if name == step {
			return rest
		}
		end := valueEnd(rest)
		if end <= 0 || end >= len(rest) {
			return nil
		}
		if rest = rest[end:]; rest[0] == ',' {
			rest = rest[1:]
		}
	}
	return nil
}

// valueEnd returns the length of the standard value that doc begins with, 0 if it is not complete.
func valueEnd(doc []byte) int {
	depth := 0
	for i := 0; i < len(doc); i++ {
		switch doc[i] {
		case '"':
			for i++; i < len(doc) && doc[i] != '"'; i++ {
				if doc[i] == '\\' {
					i++
				}
			}
			if i >= len(doc) {
				return 0
			}
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
		case ',', ':':
			continue
		default:
			for i+1 < len(doc) && strings.IndexByte(",:]}", doc[i+1]) < 0 {
				i++
			}
		}
		if depth <= 0 {
			return i + 1
		}
	}
	return 0
}

// measure returns how deep a standard value nests and at most how many values it has.
func measure(doc []byte) (depth, values int) {
	values = 1
	level, quoted := 0, false
	for i := 0; i < len(doc); i++ {
		switch ch := doc[i]; {
		case ch == '\\':
			i++
		case ch == '"':
			quoted = !quoted
		case quoted:
		case ch == '{' || ch == '[':
			level++
			depth = max(depth, level)
			values++
		case ch == '}' || ch == ']':
			level--
		case ch == ',':
			values++
		}
	}
	return depth, values
}
