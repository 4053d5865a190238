package config

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// parseHCL reads src as HCL 2 without variables and functions. A block with a label becomes an item of a list, one without an object.
func parseHCL(name string, src []byte) (*tree, Problems) {
	file, diags := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	p := hclParser{problems: diagnosed(diags)}
	body, ok := file.Body.(*hclsyntax.Body)
	if !ok || diags.HasErrors() {
		return &tree{kind: object}, p.problems
	}
	return p.body(body), p.problems
}

type hclParser struct{ problems Problems }

func (p *hclParser) body(b *hclsyntax.Body) *tree {
	t := &tree{kind: object, at: hclSpan(b.SrcRange)}
	for _, a := range b.Attributes {
		t.members = append(t.members, member{name: a.Name, at: hclSpan(a.NameRange), tree: p.expression(a.Expr)})
	}
	for _, b := range b.Blocks {
		p.block(t, b)
	}
	return t
}

func (p *hclParser) block(t *tree, b *hclsyntax.Block) {
	at := hclSpan(b.TypeRange)
	inner := p.body(b.Body)
	inner.at = at
	switch {
	case len(b.Labels) > 1:
		p.problem(hclSpan(b.LabelRanges[1]), "a block has one label at most")
	case len(b.Labels) == 1:
		inner.label = &member{name: "label", at: hclSpan(b.LabelRanges[0]), tree: &tree{value: b.Labels[0], at: hclSpan(b.LabelRanges[0])}}
	}
	known := t.find(b.Type)
	switch {
	case known == nil && inner.label == nil:
		t.members = append(t.members, member{name: b.Type, at: at, tree: inner})
	case known == nil:
		t.members = append(t.members, member{name: b.Type, at: at, tree: &tree{kind: list, at: at, items: []*tree{inner}}})
	case known.tree.kind == list && inner.label != nil:
		known.tree.items = append(known.tree.items, inner)
	default:
		p.problem(at, "second block \""+b.Type+"\"; one is enough")
	}
}

// expression evaluates a literal. Anything that needs a variable or function is diagnosed by HCL itself.
func (p *hclParser) expression(e hclsyntax.Expression) *tree {
	at := hclSpan(e.Range())
	v, diags := e.Value(nil)
	if diags.HasErrors() {
		p.problems = append(p.problems, diagnosed(diags)...)
		return &tree{at: at, kind: invalid}
	}
	return fromCty(v, at)
}

func fromCty(v cty.Value, at span) *tree {
	switch {
	case v.IsNull():
		return &tree{at: at}
	case v.Type() == cty.String:
		return &tree{value: v.AsString(), at: at}
	case v.Type() == cty.Bool:
		return &tree{value: v.True(), at: at}
	case v.Type() == cty.Number:
		f := v.AsBigFloat()
		if i, exact := f.Int64(); exact == 0 {
			return &tree{value: i, at: at}
		}
		n, _ := f.Float64()
		return &tree{value: n, at: at}
	case v.Type().IsTupleType():
		t := &tree{kind: list, at: at}
		for it := v.ElementIterator(); it.Next(); {
			_, item := it.Element()
			t.items = append(t.items, fromCty(item, at))
		}
		return t
	default: // { a = 1 } as a value
		t := &tree{kind: object, at: at}
		for it := v.ElementIterator(); it.Next(); {
			key, item := it.Element()
			t.members = append(t.members, member{name: key.AsString(), at: at, tree: fromCty(item, at)})
		}
		return t
	}
}

func (p *hclParser) problem(at span, message string) {
	p.problems = append(p.problems, Problem{Message: message, Line: at.line, Column: at.column, Width: at.width})
}

// diagnosed turns HCL's own errors into problems.
func diagnosed(diags hcl.Diagnostics) Problems {
	var out Problems
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		message := strings.TrimSuffix(d.Summary, ".")
		if d.Detail != "" {
			message += ": " + strings.TrimSpace(strings.SplitN(d.Detail, "\n", 2)[0])
		}
		pr := Problem{Message: message}
		if d.Subject != nil {
			at := hclSpan(*d.Subject)
			pr.Line, pr.Column, pr.Width = at.line, at.column, at.width
		}
		out = append(out, pr)
	}
	return out
}

func hclSpan(r hcl.Range) span {
	s := span{line: r.Start.Line, column: r.Start.Column, width: 1}
	if r.End.Line == r.Start.Line {
		s.width = max(r.End.Column-r.Start.Column, 1)
	}
	return s
}
