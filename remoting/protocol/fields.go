package protocol

// Field is one entry of a command's extFields. Values travel as text.
type Field struct{ Key, Value string }

// Fields are the extFields of a command in wire order. They are few, so lookups scan.
type Fields []Field

// Get returns the value of key; ok is false when it is absent.
func (f Fields) Get(key string) (value string, ok bool) {
	for i := range f {
		if f[i].Key == key {
			return f[i].Value, true
		}
	}
	return "", false
}

// Set replaces the value of key or appends it.
func (f Fields) Set(key, value string) Fields {
	for i := range f {
		if f[i].Key == key {
			f[i].Value = value
			return f
		}
	}
	return append(f, Field{key, value})
}

// Header is a typed request or response header: the fields of one code.
type Header interface {
	// AppendFields appends the header's entries to dst; optional ones that are unset are left out.
	AppendFields(dst Fields) Fields
}

// HeaderDecoder is a header that can be read. Decode returns a *FieldError naming the first field that is
// required but absent, or does not parse. Unknown fields are ignored.
type HeaderDecoder interface{ Decode(f Fields) error }

// FieldError names a field of a request header that is missing or does not parse.
type FieldError struct{ Name, Value, Want string }

func (e *FieldError) Error() string {
	if e.Value == "" {
		return "header field " + e.Name + " is missing, want " + e.Want
	}
	return "header field " + e.Name + " = " + quote(e.Value) + " is not " + e.Want
}

func quote(s string) string {
	if len(s) > 64 {
		s = s[:64] + "…"
	}
	return `"` + s + `"`
}
