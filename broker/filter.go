package broker

import (
	"slices"
	"strings"

	"github.com/raftmq/raftmq/remoting/message"
)

// tagFilter passes units by the hash of their tag (messages.md section 7). Clients compare the tags themselves again, so equal hashes
// of different tags do no harm.
type tagFilter struct {
	all   bool
	codes []int32 // sorted
}

// expressionTag and expressionSQL are the values of expressionType.
const (
	expressionTag = "TAG"
	expressionSQL = "SQL92"
)

// parseTags builds the filter of a subscription expression: "*", or tags joined by "||".
func parseTags(expression string) tagFilter {
	if e := strings.TrimSpace(expression); e == "" || e == "*" {
		return tagFilter{all: true}
	}
	var f tagFilter
	for part := range strings.SplitSeq(expression, "||") {
		if tag := strings.TrimSpace(part); tag != "" {
			f.codes = append(f.codes, message.HashCode(tag))
		}
	}
	slices.Sort(f.codes)
	return f
}

// passes reports whether a unit with this tags code is to be delivered.
func (f *tagFilter) passes(tagsCode int64) bool {
	if f.all {
		return true
	}
	_, found := slices.BinarySearch(f.codes, int32(tagsCode))
	return found
}

func isTagExpression(expressionType string) bool {
	return expressionType == "" || strings.EqualFold(expressionType, expressionTag)
}
