package config

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/spf13/viper"
)

// Source says where settings come from, weakest first: Base, File, Env, Flags.
type Source struct {
	// Base is what nobody else sets. Nil is Default().
	Base *Config
	// File is the path of an HCL (.hcl) or YAML (.yaml, .yml) file; "" for none.
	File string
	// Env is the environment in the form of os.Environ: RAFTMQ_* and NAMESRV_ADDR count.
	Env []string
	// Flags are settings from the command line by dotted key: "data_dir".
	Flags map[string]Flag
}

// Flag is a setting from the command line.
type Flag struct{ Name, Value string }

// Loaded is a configuration with the origin of its settings.
type Loaded struct {
	Config
	origins map[string]string
}

// Origin tells where the value of a dotted key came from: "default", "file:line", the name of a variable or of a flag.
func (l *Loaded) Origin(key string) string { return orDefault(l.origins[key], "default") }

// Load merges the layers of s and validates the result. The error is [Problems] with everything that is wrong, or tells why the file cannot
// be read. The Config is nil then.
func Load(s Source) (*Loaded, error) {
	l := loader{source: s, schema: schemaOf(reflect.TypeFor[Config]()), origins: map[string]string{}}
	src, err := l.read()
	if err != nil {
		return nil, err
	}
	v := viper.NewWithOptions(viper.WithDecoderRegistry(&l))
	l.setDefaults(v)
	if s.File != "" {
		v.SetConfigType(l.format())
		if err := v.ReadConfig(bytes.NewReader(src)); err != nil {
			return nil, err
		}
	}
	l.setEnv(v)
	l.setFlags(v)
	var c Config
	if err := unmarshal(v, &c); err != nil {
		return nil, fmt.Errorf("%s: %w", s.File, err)
	}
	l.resolvePaths(&c)
	l.validate(&c)
	if err := l.problems.asError(); err != nil {
		return nil, err
	}
	return &Loaded{Config: c, origins: l.origins}, nil
}

// loader collects what one Load learns. It is viper's decoder for both file languages.
type loader struct {
	source   Source
	schema   *schema
	lines    []string
	places   map[string]span
	problems Problems
	origins  map[string]string
}

func (l *loader) read() ([]byte, error) {
	if l.source.File == "" {
		return nil, nil
	}
	if f := l.format(); f != "hcl" && f != "yaml" {
		return nil, fmt.Errorf("%s: a configuration file ends in .hcl, .yaml or .yml", l.source.File)
	}
	src, err := os.ReadFile(l.source.File)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	l.lines = strings.Split(string(src), "\n")
	return src, nil
}

func (l *loader) format() string {
	ext := strings.TrimPrefix(filepath.Ext(l.source.File), ".")
	if ext == "yml" {
		return "yaml"
	}
	return ext
}

// Decoder returns l itself: it decodes what format says.
func (l *loader) Decoder(string) (viper.Decoder, error) { return l, nil }

// Decode parses and checks the file and puts what is right about it into out.
func (l *loader) Decode(src []byte, out map[string]any) error {
	var t *tree
	if l.format() == "hcl" {
		t, l.problems = parseHCL(l.source.File, src)
	} else {
		t, l.problems = parseYAML(src)
	}
	c := checker{root: l.schema, problems: l.problems, places: map[string]span{}}
	c.object(l.schema, t, "", "")
	l.problems, l.places = c.problems, c.places
	for i := range l.problems {
		l.locate(&l.problems[i])
	}
	for key, at := range l.places {
		l.origins[key] = fmt.Sprintf("%s:%d", l.source.File, at.line)
	}
	for key, value := range t.plain().(map[string]any) {
		out[key] = value
	}
	return nil
}

// locate gives a problem of the file its name and source line.
func (l *loader) locate(p *Problem) {
	p.Origin = l.source.File
	if p.Line > 0 && p.Line <= len(l.lines) {
		p.Source = strings.TrimRight(l.lines[p.Line-1], "\r")
	}
}

func (l *loader) setDefaults(v *viper.Viper) {
	base := l.source.Base
	if base == nil {
		d := Default()
		base = &d
	}
	for _, leaf := range l.schema.leaves("") {
		v.SetDefault(leaf.key, lookup(reflect.ValueOf(*base), l.schema, leaf.key).Interface())
	}
	v.SetDefault("broker", base.Brokers)
}

// lookup finds the value of a dotted key outside of lists.
func lookup(v reflect.Value, s *schema, key string) reflect.Value {
	head, rest, nested := strings.Cut(key, ".")
	f := s.find(head)
	if !nested {
		return v.Field(f.index)
	}
	return lookup(v.Field(f.index), f.block, rest)
}

// validate checks what needs more than one value, and says for each problem where its key was set.
func (l *loader) validate(c *Config) {
	for _, p := range c.Validate() {
		if origin := l.origins[p.Key]; origin != "" && !l.fromFile(p.Key) {
			p.Origin = origin
		} else if at, ok := l.place(p.Key); ok {
			p.Line, p.Column, p.Width = at.line, at.column, at.width
			l.locate(&p)
		}
		l.problems = append(l.problems, p)
	}
}

func (l *loader) fromFile(key string) bool {
	return strings.HasPrefix(l.origins[key], l.source.File+":")
}

// place finds the key in the file, or the nearest block around it.
func (l *loader) place(key string) (span, bool) {
	for key != "" {
		if at, ok := l.places[key]; ok {
			return at, true
		}
		key = key[:max(strings.LastIndexByte(key, '.'), 0)]
	}
	return span{}, false
}

// resolvePaths makes the paths of secrets relative to the file that names them.
func (l *loader) resolvePaths(c *Config) {
	dir := filepath.Dir(l.source.File)
	resolve := func(path *string) {
		if *path != "" && l.source.File != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(dir, *path)
		}
	}
	for i := range c.Brokers {
		resolve(&c.Brokers[i].Raft.SecretFile)
	}
	if l.fromFile("namesrv.secret_file") {
		resolve(&c.Namesrv.SecretFile)
	}
	if l.fromFile("admin.token_file") {
		resolve(&c.Admin.TokenFile)
	}
}
