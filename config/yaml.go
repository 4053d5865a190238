package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"gopkg.in/yaml.v3"
)

// parseYAML reads src as one YAML document. Aliases and merge keys are refused: what a file means should be where one reads it.
func parseYAML(src []byte) (*tree, Problems) {
	d := yaml.NewDecoder(bytes.NewReader(src))
	var doc yaml.Node
	if err := d.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return &tree{kind: object}, Problems{yamlError(err)}
	}
	if len(doc.Content) == 0 {
		return &tree{kind: object}, nil
	}
	var p yamlParser
	t := p.node(doc.Content[0])
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		p.problems = append(p.problems, Problem{Message: "the file has a second document; one is enough", Line: doc.Line, Column: 1})
	}
	if t.kind != object {
		p.problem(doc.Content[0], "the file is "+t.what()+", not a mapping of keys")
		t = &tree{kind: object}
	}
	return t, p.problems
}

type yamlParser struct{ problems Problems }

func (p *yamlParser) node(n *yaml.Node) *tree {
	t := &tree{at: yamlSpan(n)}
	switch n.Kind {
	case yaml.MappingNode:
		t.kind = object
		for i := 0; i+1 < len(n.Content); i += 2 {
			p.pair(t, n.Content[i], n.Content[i+1])
		}
	case yaml.SequenceNode:
		t.kind = list
		for _, item := range n.Content {
			t.items = append(t.items, p.node(item))
		}
	case yaml.AliasNode:
		p.problem(n, "aliases are not supported; write the value out")
		t.kind = invalid
	default:
		before := len(p.problems)
		t.value = p.scalar(n)
		if len(p.problems) > before {
			t.kind = invalid
		}
	}
	return t
}

func (p *yamlParser) pair(t *tree, key, value *yaml.Node) {
	switch {
	case key.Kind != yaml.ScalarNode || key.Tag == "!!merge": // what a merge brings in is not where one reads it
		p.problem(key, "a key must be a plain word")
	case t.find(key.Value) != nil:
		p.problem(key, fmt.Sprintf("key %q appears twice", key.Value))
	default:
		t.members = append(t.members, member{name: key.Value, at: yamlSpan(key), tree: p.node(value)})
	}
}

func (p *yamlParser) scalar(n *yaml.Node) any {
	switch n.Tag {
	case "!!null":
		return nil
	case "!!bool":
		return n.Value == "true" || n.Value == "True" || n.Value == "TRUE"
	case "!!int":
		if i, err := strconv.ParseInt(n.Value, 10, 64); err == nil && (n.Value == "0" || n.Value[0] != '0') {
			return i
		}
		p.problem(n, fmt.Sprintf("%s: write whole numbers in decimal", n.Value))
		return int64(0)
	case "!!float":
		f, err := strconv.ParseFloat(n.Value, 64)
		if err != nil {
			p.problem(n, n.Value+" is not a number")
		}
		return f
	default: // strings, and what else YAML makes of them (timestamps)
		return n.Value
	}
}

func (p *yamlParser) problem(n *yaml.Node, message string) {
	at := yamlSpan(n)
	p.problems = append(p.problems, Problem{Message: message, Line: at.line, Column: at.column, Width: at.width})
}

func yamlSpan(n *yaml.Node) span {
	width := len(n.Value)
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		width += 2
	}
	return span{line: n.Line, column: n.Column, width: max(width, 1)}
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)

// yamlError takes the line out of the text of a syntax error, the only place where the library has it.
func yamlError(err error) Problem {
	m := yamlLine.FindStringSubmatch(err.Error())
	if m == nil {
		return Problem{Message: err.Error()}
	}
	line, _ := strconv.Atoi(m[1])
	return Problem{Message: m[2], Line: line, Column: 1}
}
