package client

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func queueList(n int) []Queue {
	out := make([]Queue, n)
	for i := range out {
		out[i] = Queue{"T", fmt.Sprintf("b%d", i%2), int32(i / 2)}
	}
	return out
}

func TestAllocateAveragely(t *testing.T) {
	counts := func(queues int, ids ...string) []int {
		var out []int
		for _, id := range ids {
			out = append(out, len(allocateAveragely(queueList(queues), ids, id)))
		}
		return out
	}
	for _, c := range []struct {
		queues int
		ids    []string
		want   []int
	}{
		{8, []string{"a"}, []int{8}},
		{8, []string{"a", "b", "c"}, []int{3, 3, 2}},
		{2, []string{"a", "b", "c"}, []int{1, 1, 0}},
		{0, []string{"a"}, []int{0}},
	} {
		if got := counts(c.queues, c.ids...); !slices.Equal(got, c.want) {
			t.Errorf("%d queues over %v: %v, want %v", c.queues, c.ids, got, c.want)
		}
	}
	if got := allocateAveragely(queueList(4), []string{"a", "b"}, "stranger"); got != nil {
		t.Errorf("a client that is not listed got %v", got)
	}
}

func TestAllocationIsAPartition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		queues := queueList(rapid.IntRange(0, 40).Draw(t, "queues"))
		ids := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,3}`), 1, 9, rapid.ID).Draw(t, "ids")
		owner := map[Queue]string{}
		for _, id := range ids {
			for _, q := range allocateAveragely(rapid.Permutation(queues).Draw(t, "order"), ids, id) {
				if owner[q] != "" {
					t.Fatalf("%v belongs to %s and %s", q, owner[q], id)
				}
				owner[q] = id
			}
		}
		if len(owner) != len(queues) {
			t.Fatalf("%d of %d queues have an owner", len(owner), len(queues))
		}
	})
}
