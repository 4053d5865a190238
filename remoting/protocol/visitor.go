package protocol

import (
	"strconv"
	"strings"
)

// visitor walks the fields of a header in either direction, so that each header names its fields once. It reads from in,
// or appends to out when writing. The first field that is missing or does not parse is kept in err.
type visitor struct {
	in      Fields
	out     Fields
	writing bool
	err     *FieldError
}

// visited is a header that lists its fields.
type visited interface{ visit(v *visitor) }

func appendFields(h visited, dst Fields) Fields {
	v := visitor{out: dst, writing: true}
	h.visit(&v)
	return v.out
}

func decodeFields(h visited, f Fields) error {
	v := visitor{in: f}
	h.visit(&v)
	if v.err != nil {
		return v.err
	}
	return nil
}

func (v *visitor) put(key, value string) { v.out = append(v.out, Field{key, value}) }

func (v *visitor) fail(key, value, want string) {
	if v.err == nil {
		v.err = &FieldError{Name: key, Value: value, Want: want}
	}
}

// needText is a text that has to be there; empty is as good as absent, the binary header cannot tell them apart.
func (v *visitor) needText(key string, p *string) {
	if v.writing {
		v.put(key, *p)
		return
	}
	if *p, _ = v.in.Get(key); *p == "" {
		v.fail(key, "", "a text")
	}
}

// text is a text that may be absent, which reads as empty.
func (v *visitor) text(key string, p *string) {
	switch {
	case !v.writing:
		*p, _ = v.in.Get(key)
	case *p != "":
		v.put(key, *p)
	}
}

func (v *visitor) needInt32(key string, p *int32) {
	n := int64(*p)
	v.number(key, &n, 0, 32, true)
	*p = int32(n)
}

// int32 is a number that may be absent, which reads as absent; that value is not written.
func (v *visitor) int32(key string, p *int32, absent int32) {
	n := int64(*p)
	v.number(key, &n, int64(absent), 32, false)
	*p = int32(n)
}

func (v *visitor) needInt64(key string, p *int64)           { v.number(key, p, 0, 64, true) }
func (v *visitor) int64(key string, p *int64, absent int64) { v.number(key, p, absent, 64, false) }

func (v *visitor) number(key string, p *int64, absent int64, bits int, needed bool) {
	if v.writing {
		if needed || *p != absent {
			v.put(key, strconv.FormatInt(*p, 10))
		}
		return
	}
	*p = absent
	switch t, _ := v.in.Get(key); {
	case t != "":
		n, err := strconv.ParseInt(t, 10, bits)
		if err != nil {
			v.fail(key, t, "an integer of "+strconv.Itoa(bits)+" bits")
		}
		*p = n
	case needed:
		v.fail(key, "", "an integer of "+strconv.Itoa(bits)+" bits")
	}
}

// bool is true only for the text true in any case, as Java reads it. The value absent is not written.
func (v *visitor) bool(key string, p *bool, absent bool) {
	if v.writing {
		if *p != absent {
			v.put(key, strconv.FormatBool(*p))
		}
		return
	}
	*p = absent
	if t, _ := v.in.Get(key); t != "" {
		*p = strings.EqualFold(t, "true")
	}
}

// alwaysBool is a bool that is written whatever it is.
func (v *visitor) alwaysBool(key string, p *bool) {
	if v.writing {
		v.put(key, strconv.FormatBool(*p))
		return
	}
	v.bool(key, p, false)
}
