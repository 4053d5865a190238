package config

import (
	"fmt"
	"slices"
)

// checker holds a tree against the schema. It replaces raw values by typed ones, removes what it complains about, so that the rest can be
// checked further, and remembers where every key stands.
type checker struct {
	root     *schema
	problems Problems
	places   map[string]span // dotted key → value, or block
}

// object checks the members of one block. path is its dotted key with a trailing dot, where its name for messages; both "" at the top.
func (c *checker) object(s *schema, t *tree, path, where string) {
	var kept []member
	for _, m := range t.members {
		f := s.find(m.name)
		switch {
		case m.tree.kind == invalid:
		case f == nil:
			message := fmt.Sprintf("unknown key %q", m.name)
			if where != "" {
				message += " in " + where
			}
			c.problem(path+m.name, m.at, message, c.suggest(s, m.name))
		case c.member(f, m, path, where):
			kept = append(kept, m)
		}
	}
	t.members = kept
}

// member checks one known key and reports whether it can be kept.
func (c *checker) member(f *field, m member, path, where string) bool {
	key := path + f.name
	inner := f.name
	if where != "" {
		inner = where + " " + f.name
	}
	switch f.kind {
	case block:
		return c.block(f, m, key, inner)
	case blocks:
		return c.blocks(f, m, key, inner)
	}
	c.places[key] = m.tree.at
	if m.tree.kind == object {
		c.problem(key, m.at, inner+" is a block, not a value", "write "+f.name+" = …")
		return false
	}
	v, err := f.parse(m.tree.plain(), false)
	if err != nil {
		c.fault(key, m.tree.at, inner, err)
		return false
	}
	*m.tree = tree{value: v, at: m.tree.at}
	return true
}

func (c *checker) block(f *field, m member, key, where string) bool {
	if m.tree.kind == list && len(m.tree.items) > 0 && m.tree.items[0].label != nil {
		c.problem(key, m.tree.items[0].label.at, where+" takes no name", "write "+f.name+" { … }")
		return false
	}
	if m.tree.kind != object {
		c.problem(key, m.at, fmt.Sprintf("%s is %s, not a block", where, m.tree.what()), "write "+f.name+" { … }")
		return false
	}
	c.places[key] = m.at
	c.object(f.block, m.tree, key+".", where)
	return true
}

// blocks checks the items of a labelled list, e.g. all brokers.
func (c *checker) blocks(f *field, m member, key, where string) bool {
	if m.tree.kind != list {
		c.problem(key, m.at, fmt.Sprintf("%s needs a %s", where, f.label), fmt.Sprintf("write %s \"NAME\" { … }, or in YAML a list of items with a %s", f.name, f.label))
		return false
	}
	c.places[key] = m.at
	seen := map[string]bool{}
	m.tree.items = slices.DeleteFunc(m.tree.items, func(item *tree) bool {
		label, ok := c.label(f, item, where)
		if !ok {
			return true
		}
		inner := fmt.Sprintf("%s %q", where, label)
		if seen[label] {
			c.problem(key, item.at, "second "+inner, "names must differ")
			return true
		}
		seen[label] = true
		c.places[key+"."+label] = item.at
		c.object(f.block, item, key+"."+label+".", inner)
		c.required(f.block, item, key+"."+label, inner)
		return false
	})
	return true
}

// label returns the name of an item of a labelled list, after moving an HCL label to its key.
func (c *checker) label(f *field, item *tree, where string) (string, bool) {
	if item.kind != object {
		c.problem("", item.at, fmt.Sprintf("%s is %s, not a block", where, item.what()), "")
		return "", false
	}
	if item.label != nil {
		if m := item.find(f.label); m != nil {
			c.problem("", m.at, fmt.Sprintf("%s has its %s before the brace already", where, f.label), "")
			return "", false
		}
		item.members = append(item.members, member{name: f.label, at: item.label.at, tree: item.label.tree})
		item.label = nil
	}
	m := item.find(f.label)
	if m == nil {
		c.problem("", item.at, fmt.Sprintf("%s needs a %s", where, f.label), "add "+f.label+": NAME")
		return "", false
	}
	v, err := f.block.find(f.label).parse(m.tree.plain(), false)
	if err != nil {
		c.fault("", m.tree.at, where+" "+f.label, err)
		return "", false
	}
	return v.(string), true
}

// required complains about keys that have no default: those with a form that must not be empty.
func (c *checker) required(s *schema, item *tree, key, where string) {
	for _, f := range s.fields {
		if f.form == "" || f.optional || f.kind != text || item.find(f.name) != nil || c.hasProblem(key+"."+f.name) {
			continue
		}
		c.problem(key, item.at, fmt.Sprintf("%s has no %s", where, f.name), fmt.Sprintf("add %s: %s", f.name, f.doc))
	}
}

func (c *checker) hasProblem(key string) bool {
	return slices.ContainsFunc(c.problems, func(p Problem) bool { return p.Key == key })
}

func (c *checker) fault(key string, at span, where string, err error) {
	hint := ""
	if f, ok := err.(*fault); ok {
		hint = f.hint
	}
	c.problem(key, at, where+": "+err.Error(), hint)
}

func (c *checker) problem(key string, at span, message, hint string) {
	c.problems = append(c.problems, Problem{Key: key, Message: message, Hint: hint, Line: at.line, Column: at.column, Width: at.width})
}
