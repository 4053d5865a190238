package config

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// schema is what the struct tags say about one block.
type schema struct{ fields []field }

// field is one key of a block.
type field struct {
	name  string
	index int // in the struct
	kind  fieldKind
	block *schema // of block and blocks
	// label is the key of a blocks item that HCL writes before the brace: "name" or "id".
	label    string
	isLabel  bool // this is that key
	doc      string
	form     string // see forms.go; "" for any text
	optional bool   // the form may be empty
	secret   bool
	oneOf    []string
	min, max any // int64, time.Duration or Bytes; nil for none
}

type fieldKind int

const (
	text     fieldKind = iota // string
	texts                     // []string
	boolean                   // bool
	integer                   // int
	duration                  // time.Duration
	size                      // Bytes
	block                     // struct
	blocks                    // slice of structs with a label
)

// schemaOf reads the tags of a struct type. A tag that makes no sense is our bug and panics, at the latest in the tests.
func schemaOf(t reflect.Type) *schema {
	s := &schema{}
	for i := range t.NumField() {
		sf := t.Field(i)
		f := field{name: sf.Tag.Get("key"), index: i, doc: sf.Tag.Get("doc"), kind: kindOf(sf.Type), secret: sf.Tag.Get("secret") == "true", isLabel: sf.Tag.Get("label") == "true"}
		f.form, f.optional = strings.CutPrefix(sf.Tag.Get("is"), "optional ")
		f.oneOf = strings.Fields(sf.Tag.Get("oneof"))
		f.min, f.max = limitOf(f.kind, sf.Tag.Get("min")), limitOf(f.kind, sf.Tag.Get("max"))
		switch f.kind {
		case block:
			f.block = schemaOf(sf.Type)
		case blocks:
			f.block = schemaOf(sf.Type.Elem())
			f.label = labelOf(sf.Type.Elem())
		}
		s.fields = append(s.fields, f)
	}
	return s
}

func kindOf(t reflect.Type) fieldKind {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return duration
	case t == reflect.TypeFor[Bytes]():
		return size
	case t == reflect.TypeFor[[]string]():
		return texts
	case t.Kind() == reflect.String:
		return text
	case t.Kind() == reflect.Bool:
		return boolean
	case t.Kind() == reflect.Int:
		return integer
	case t.Kind() == reflect.Struct:
		return block
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		return blocks
	}
	panic(fmt.Sprintf("BUG: config has a field of type %v", t))
}

func labelOf(t reflect.Type) string {
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("label") == "true" {
			return t.Field(i).Tag.Get("key")
		}
	}
	panic(fmt.Sprintf("BUG: %v has no label", t))
}

// limitOf reads a min or max tag.
func limitOf(k fieldKind, tag string) any {
	if tag == "" {
		return nil
	}
	f := field{kind: k}
	v, err := f.parse(tag, true)
	if err != nil {
		panic(fmt.Sprintf("BUG: limit %q: %v", tag, err))
	}
	return v
}

func (s *schema) find(name string) *field {
	for i := range s.fields {
		if s.fields[i].name == name {
			return &s.fields[i]
		}
	}
	return nil
}

// leaf is a field outside of lists with its dotted key: what environment and flags may set.
type leaf struct {
	key string
	field
}

// leaves lists the settings that are not inside a list of blocks.
func (s *schema) leaves(prefix string) []leaf {
	var all []leaf
	for _, f := range s.fields {
		switch f.kind {
		case block:
			all = append(all, f.block.leaves(prefix+f.name+".")...)
		case blocks:
		default:
			all = append(all, leaf{key: prefix + f.name, field: f})
		}
	}
	return all
}
