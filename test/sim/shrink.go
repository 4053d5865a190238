package sim

import "slices"

// Shrink drops faults from a schedule that fails, as long as what is left still fails; fails runs a schedule, as often as it takes to
// be believed. Parts are dropped first, single faults then. It ends when no fault can go, or when more says that there is no time.
func Shrink(s Schedule, fails func(Schedule) bool, more func() bool) Schedule {
	for size := len(s.Faults) / 2; size >= 1; size /= 2 {
		for at := 0; at < len(s.Faults); {
			if !more() {
				return s
			}
			less := s
			less.Faults = slices.Delete(slices.Clone(s.Faults), at, min(at+size, len(s.Faults)))
			if fails(less) {
				s = less
			} else {
				at += size
			}
		}
	}
	return s
}
