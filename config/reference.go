package config

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
)

// Reference is the page of every key with its default, what is allowed and its environment variable, in Markdown.
func Reference() []byte {
	var out bytes.Buffer
	out.WriteString(referenceHead)
	r := reference{out: &out}
	r.block("Top level", "", schemaOf(reflect.TypeFor[Config]()), reflect.ValueOf(Default()), true)
	return out.Bytes()
}

const referenceHead = `# Configuration

Made from the code (` + "`config/config.go`" + `); a test keeps it so. One file describes a cluster, in HCL (` + "`.hcl`" + `) or YAML (` + "`.yaml`, `.yml`" + `):
same keys, same result. In HCL a block with a name is written ` + "`broker \"NAME\" { … }`" + `, in YAML it is an item of a list with the key ` + "`name`" + `
(a peer: ` + "`id`" + `). Durations are written with units (` + "`500ms`, `1h30m`, `3d`" + `), sizes too (` + "`64MiB`" + `). Unknown keys are errors.

A flag beats the environment, the environment the file, the file the defaults. Keys outside of broker groups have a variable each;
` + "`NAMESRV_ADDR`" + ` is another name of ` + "`RAFTMQ_NAMESRV_ADDRS`" + `. Lists in variables are separated by ` + "`;`" + `. A variable ` + "`RAFTMQ_…`" + ` that is no key is an error.
`

type reference struct{ out *bytes.Buffer }

// block writes the table of one block, then those of the blocks in it.
func (r *reference) block(title, path string, s *schema, defaults reflect.Value, env bool) {
	fmt.Fprintf(r.out, "\n## %s\n\n| Key | Default | Allowed | Meaning |\n|---|---|---|---|\n", title)
	for _, f := range s.fields {
		if f.block == nil {
			r.row(&f, path, defaults.Field(f.index).Interface(), env)
		} else {
			fmt.Fprintf(r.out, "| `%s` | | block | %s |\n", f.name, f.doc)
		}
	}
	for _, f := range s.fields {
		switch f.kind {
		case block:
			r.block(strings.TrimSpace(path+f.name), path+f.name+" ", f.block, defaults.Field(f.index), env)
		case blocks:
			name := strings.TrimSpace(path + f.name + ` "` + strings.ToUpper(f.label) + `"`)
			r.block(name, name+" ", f.block, itemDefaults(defaults.Field(f.index).Type().Elem()), false)
		}
	}
}

// itemDefaults are the defaults of an item of a labelled list.
func itemDefaults(t reflect.Type) reflect.Value {
	if t == reflect.TypeFor[Broker]() {
		return reflect.ValueOf(DefaultBroker())
	}
	return reflect.New(t).Elem()
}

func (r *reference) row(f *field, path string, value any, env bool) {
	allowed := map[fieldKind]string{boolean: "`true`, `false`", texts: "list"}[f.kind]
	switch {
	case len(f.oneOf) > 0:
		allowed = "`" + strings.Join(f.oneOf, "`, `") + "`"
	case f.min != nil:
		allowed = fmt.Sprintf("%s to %s", show(f.min), show(f.max))
	case allowed == "" && f.form != "":
		allowed = map[string]string{"name": "letters, digits, `-`, `_`", "address": "host:port", "listen": "[host]:port", "host": "address without port", "network": "CIDR", "levels": "durations"}[f.form]
	}
	w := writer{how: Writing{Format: "hcl"}}
	doc := strings.ReplaceAll(f.doc, "|", "\\|")
	if env {
		doc += " (`" + envName(strings.ReplaceAll(path, " ", ".")+f.name) + "`)"
	}
	fmt.Fprintf(r.out, "| `%s` | `%s` | %s | %s |\n", f.name, w.literal(*f, value), allowed, doc)
}
