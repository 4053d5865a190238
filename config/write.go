package config

import (
	"bytes"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Writing says how [Write] prints a configuration.
type Writing struct {
	// Format is "hcl" or "yaml".
	Format string
	// Origin, if set, is asked for the origin of each dotted key, printed as a comment.
	Origin func(key string) string
	// Docs prints the description of each key as a comment.
	Docs bool
	// OnlyChanged leaves out what has its default.
	OnlyChanged bool
	// Reveal prints secrets, for files that are written to be loaded. They are masked otherwise.
	Reveal bool
}

// Write prints c so that Load gives an equal Config, but for masked secrets.
func Write(c Config, how Writing) []byte {
	w := writer{how: how}
	w.block(reflect.ValueOf(c), reflect.ValueOf(Default()), schemaOf(reflect.TypeOf(c)), "", 0)
	return w.out.Bytes()
}

type writer struct {
	how Writing
	out bytes.Buffer
}

// block prints the members of one block; base has their defaults.
func (w *writer) block(v, base reflect.Value, s *schema, path string, depth int) {
	for _, f := range s.fields {
		value, def := v.Field(f.index), base.Field(f.index)
		switch f.kind {
		case blocks:
			w.list(f, value, path, depth)
		case block:
			if !w.how.OnlyChanged || !reflect.DeepEqual(value.Interface(), def.Interface()) {
				w.open(f, path, depth)
				w.block(value, def, f.block, path+f.name+".", depth+1)
				w.close(depth)
			}
		default:
			if !f.isLabel && w.wanted(value, def) {
				w.leaf(f, value.Interface(), path, depth)
			}
		}
	}
}

func (w *writer) wanted(value, def reflect.Value) bool {
	return !w.how.OnlyChanged || !reflect.DeepEqual(value.Interface(), def.Interface())
}

func (w *writer) list(f field, items reflect.Value, path string, depth int) {
	if items.Len() == 0 {
		return
	}
	if w.how.Format == "yaml" {
		w.open(f, path, depth)
	} else if w.how.Docs {
		w.doc(f, depth)
	}
	base := reflect.New(items.Type().Elem()).Elem()
	if items.Type().Elem() == reflect.TypeFor[Broker]() {
		base = reflect.ValueOf(DefaultBroker())
	}
	for i := range items.Len() {
		item := items.Index(i)
		label := item.Field(f.block.find(f.label).index).String()
		if w.how.Format == "yaml" {
			w.line(depth+1, "- "+f.label+": "+label)
			w.block(item, base, f.block, path+f.name+"."+label+".", depth+2)
			continue
		}
		w.line(depth, fmt.Sprintf("%s %q {", f.name, label))
		w.block(item, base, f.block, path+f.name+"."+label+".", depth+1)
		w.close(depth)
	}
}

func (w *writer) open(f field, path string, depth int) {
	if w.how.Docs {
		w.doc(f, depth)
	}
	if w.how.Format == "yaml" {
		w.line(depth, f.name+":")
		return
	}
	w.line(depth, f.name+" {")
}

func (w *writer) close(depth int) {
	if w.how.Format != "yaml" {
		w.line(depth, "}")
	}
}

func (w *writer) leaf(f field, value any, path string, depth int) {
	if w.how.Docs {
		w.doc(f, depth)
	}
	separator := " = "
	if w.how.Format == "yaml" {
		separator = ": "
	}
	text := f.name + separator + w.literal(f, value)
	if w.how.Origin != nil {
		text = fmt.Sprintf("%-48s # %s", strings.Repeat("  ", depth)+text, w.how.Origin(path+f.name))
		depth = 0
	}
	w.line(depth, text)
}

func (w *writer) literal(f field, value any) string {
	if f.secret && value != "" && !w.how.Reveal {
		return `"********"`
	}
	switch v := value.(type) {
	case time.Duration:
		return strconv.Quote(FormatDuration(v))
	case Bytes:
		return strconv.Quote(v.String())
	case string:
		return w.quote(v)
	case []string:
		quoted := make([]string, len(v))
		for i, s := range v {
			quoted[i] = w.quote(s)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	default:
		return fmt.Sprint(v)
	}
}

// quote keeps HCL from taking ${ and %{ for templates.
func (w *writer) quote(s string) string {
	if w.how.Format == "yaml" {
		return strconv.Quote(s)
	}
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(strconv.Quote(s))
}

func (w *writer) doc(f field, depth int) {
	text := f.doc
	if f.min != nil {
		text += fmt.Sprintf("; %s to %s", show(f.min), show(f.max))
	}
	w.line(depth, "# "+text)
}

func (w *writer) line(depth int, text string) {
	w.out.WriteString(strings.Repeat("  ", depth) + text + "\n")
}
