package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Problem is one thing wrong with a configuration.
type Problem struct {
	// Key is the dotted key, with names for the blocks that have one: broker.RaftNode00.store.flush. "" if it has none.
	Key     string
	Message string
	// Hint says what to do, on a line of its own. May be empty.
	Hint string
	// Origin is the file, environment variable or flag that the value came from; Line and Column, from 1, are set for files, and so is
	// Source, the text of that line. Width is the number of columns to underline.
	Origin              string
	Line, Column, Width int
	Source              string
}

// String is the problem as shown to the operator: position, message, the line with a caret, the hint.
func (p Problem) String() string {
	var out strings.Builder
	if p.Line > 0 {
		fmt.Fprintf(&out, "%s:%d:%d: ", p.Origin, p.Line, p.Column)
	} else if p.Origin != "" {
		out.WriteString(p.Origin + ": ")
	}
	out.WriteString(p.Message)
	if p.Line == 0 {
		if p.Hint != "" {
			out.WriteString("\n      " + p.Hint)
		}
		return out.String()
	}
	number := strconv.Itoa(p.Line)
	fmt.Fprintf(&out, "\n %4s | %s\n      | %s", number, p.Source, p.carets())
	if p.Hint != "" {
		out.WriteString(" " + p.Hint)
	}
	return out.String()
}

// carets underlines the columns of the problem, keeping tabs so that it lines up.
func (p Problem) carets() string {
	var out strings.Builder
	column := 1
	for _, r := range p.Source {
		if column >= p.Column {
			break
		}
		if r != '\t' {
			r = ' '
		}
		out.WriteRune(r)
		column++
	}
	width := min(max(p.Width, 1), max(len([]rune(p.Source))-p.Column+1, 1))
	return out.String() + strings.Repeat("^", width)
}

// Problems are all things wrong with a configuration, in the order of the file. It is the error of [Load].
type Problems []Problem

func (ps Problems) Error() string {
	all := make([]string, len(ps))
	for i, p := range ps {
		all[i] = p.String()
	}
	return strings.Join(all, "\n")
}

// asError is nil for no problems, else ps in order: files by line, then the rest as found.
func (ps Problems) asError() error {
	if len(ps) == 0 {
		return nil
	}
	slices.SortStableFunc(ps, func(a, b Problem) int {
		if (a.Line == 0) != (b.Line == 0) {
			return cmp.Compare(b.Line, a.Line)
		}
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return ps
}
