package config

// tree is a parsed file in either language, with the place of everything in it.
type tree struct {
	kind    treeKind
	value   any // of a scalar: string, int64, float64, bool or nil
	items   []*tree
	members []member
	// label is the label of an HCL block, which the schema turns into a member of its own.
	label *member
	at    span
}

type treeKind int

const (
	scalar treeKind = iota
	list
	object
	invalid // already reported; nothing more is said about it
)

// member is one key of an object.
type member struct {
	name string
	at   span // of the key
	tree *tree
}

// span is a place in a file; line and column count from 1, width in columns. The zero span is no place.
type span struct{ line, column, width int }

func (t *tree) find(name string) *member {
	for i := range t.members {
		if t.members[i].name == name {
			return &t.members[i]
		}
	}
	return nil
}

// plain is the tree as maps, slices and scalars, which is what viper merges.
func (t *tree) plain() any {
	switch t.kind {
	case list:
		items := make([]any, len(t.items))
		for i, item := range t.items {
			items[i] = item.plain()
		}
		return items
	case object:
		m := make(map[string]any, len(t.members))
		for _, f := range t.members {
			m[f.name] = f.tree.plain()
		}
		return m
	default:
		return t.value
	}
}

// what names the kind of a tree for messages.
func (t *tree) what() string {
	switch t.kind {
	case list:
		return "a list"
	case object:
		return "a block"
	}
	switch t.value.(type) {
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case nil:
		return "nothing"
	default:
		return "a number"
	}
}
