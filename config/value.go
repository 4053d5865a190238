package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// fault is why a value cannot be used, and what to write instead.
type fault struct{ message, hint string }

func (f *fault) Error() string { return f.message }

// parse turns a raw value into the Go value of the field: string, []string, bool, int64, time.Duration or Bytes. Files bring typed
// values; with isText raw is a string of the environment, a flag or a tag. The error is a *fault or has a message fit to be shown.
func (f *field) parse(raw any, isText bool) (any, error) {
	v, err := f.typed(raw, isText)
	if err != nil {
		return nil, err
	}
	if err := f.inRange(v); err != nil {
		return nil, err
	}
	return v, f.wellFormed(v)
}

func (f *field) typed(raw any, isText bool) (any, error) {
	s, isString := raw.(string)
	switch f.kind {
	case text:
		if isString {
			return s, nil
		}
		return nil, &fault{"is " + kindName(raw) + ", not a string", "put it in double quotes"}
	case texts:
		return f.stringList(raw, isText)
	case boolean:
		return parseBool(raw, isText)
	case integer:
		return parseInt(raw, isText)
	case duration:
		if !isString {
			return nil, needsUnit(raw, "a duration", fmt.Sprintf("write \"%vms\" or \"%vs\"", raw, raw))
		}
		return ParseDuration(s)
	case size:
		if !isString {
			n, _ := raw.(int64)
			return nil, needsUnit(raw, "a size", fmt.Sprintf("write %q", Bytes(n)))
		}
		return ParseBytes(s)
	}
	return nil, &fault{"is " + kindName(raw) + ", not a block", ""}
}

func needsUnit(raw any, what, hint string) error {
	switch raw.(type) {
	case int64, float64:
		return &fault{what + " needs a unit", hint}
	}
	return &fault{"is " + kindName(raw) + ", not " + what, ""}
}

func parseBool(raw any, isText bool) (any, error) {
	if b, ok := raw.(bool); ok {
		return b, nil
	}
	if isText && (raw == "true" || raw == "false") {
		return raw == "true", nil
	}
	return nil, &fault{"is neither true nor false", ""}
}

func parseInt(raw any, isText bool) (any, error) {
	switch v := raw.(type) {
	case int64:
		return v, nil
	case string:
		if n, err := strconv.ParseInt(v, 10, 64); isText && err == nil {
			return n, nil
		}
	}
	return nil, &fault{"is not a whole number", ""}
}

// stringList takes a list of strings; as text, elements are separated by ";" (as RocketMQ's NAMESRV_ADDR) or ",".
func (f *field) stringList(raw any, isText bool) (any, error) {
	out := []string{}
	if isText {
		for _, part := range strings.FieldsFunc(raw.(string), func(r rune) bool { return r == ';' || r == ',' }) {
			out = append(out, strings.TrimSpace(part))
		}
		return out, nil
	}
	items, ok := raw.([]any)
	if !ok {
		return nil, &fault{"is " + kindName(raw) + ", not a list of strings", fmt.Sprintf("write %s = [\"…\", \"…\"]", f.name)}
	}
	for _, item := range items {
		s, ok := item.(string)
		if !ok {
			return nil, &fault{"has " + kindName(item) + " in its list of strings", ""}
		}
		out = append(out, s)
	}
	return out, nil
}

func (f *field) inRange(v any) error {
	if len(f.oneOf) > 0 && !slices.Contains(f.oneOf, v.(string)) {
		return &fault{fmt.Sprintf("%q is not allowed", v), "write one of: " + strings.Join(f.oneOf, ", ")}
	}
	if f.min != nil && compare(v, f.min) < 0 || f.max != nil && compare(v, f.max) > 0 {
		return &fault{show(v) + " is out of range", fmt.Sprintf("allowed: %s to %s", show(f.min), show(f.max))}
	}
	return nil
}

func compare(a, b any) int {
	switch a := a.(type) {
	case time.Duration:
		return cmp.Compare(a, b.(time.Duration))
	case Bytes:
		return cmp.Compare(a, b.(Bytes))
	default:
		return cmp.Compare(a.(int64), b.(int64))
	}
}

// show prints a value as it is written in a message.
func show(v any) string {
	if d, ok := v.(time.Duration); ok {
		return FormatDuration(d)
	}
	return fmt.Sprint(v)
}

func kindName(raw any) string {
	switch raw := raw.(type) {
	case []any:
		return "a list"
	case map[string]any:
		return "a block"
	default:
		return (&tree{value: raw}).what()
	}
}
