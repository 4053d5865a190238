//go:build linux

package cluster

import (
	"slices"
	"testing"
)

func TestEveryClassHasFaultsThatExist(t *testing.T) {
	used := map[string]bool{}
	for class, kinds := range classes {
		if !slices.Contains(Classes(), class) {
			t.Errorf("class %s is not in the turns", class)
		}
		for _, kind := range kinds {
			used[kind] = true
			if faults[kind] == nil {
				t.Errorf("class %s: no fault %q", class, kind)
			}
		}
	}
	for kind := range faults {
		if !used[kind] {
			t.Errorf("fault %q is in no class", kind)
		}
	}
}
