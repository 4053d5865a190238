package sim

import (
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"
)

func TestShrinkFindsTheFaultsThatMatter(t *testing.T) {
	s := NewSchedule(Mix, 7, time.Minute, 13)
	needed := []Fault{s.Faults[2], s.Faults[9]}
	runs := 0
	fails := func(s Schedule) bool {
		runs++
		return slices.Contains(s.Faults, needed[0]) && slices.Contains(s.Faults, needed[1])
	}
	small := Shrink(s, fails, func() bool { return true })
	if !slices.Equal(small.Faults, needed) {
		t.Errorf("%d faults left after %d runs: %v", len(small.Faults), runs, small.Faults)
	}
	if half := Shrink(s, fails, func() bool { return false }); !reflect.DeepEqual(half, s) {
		t.Error("without time something was dropped")
	}
}

func TestASeedIsASchedule(t *testing.T) {
	for _, class := range Classes {
		s := NewSchedule(class, 42, 20*time.Second, 200)
		if !reflect.DeepEqual(s, NewSchedule(class, 42, 20*time.Second, 200)) {
			t.Errorf("%s: the same seed gave two schedules", class)
		}
		onLeader := 0
		for _, f := range s.Faults {
			if f.On == "leader" || f.On == "all" || f.On == "majority" {
				onLeader++
			}
			if !slices.Contains(classKinds[class], f.Kind) {
				t.Errorf("%s has a fault of kind %s", class, f.Kind)
			}
		}
		if onLeader < len(s.Faults)*3/10 && class != Rot && class != Change {
			t.Errorf("%s: only %d of %d faults concern the leader", class, onLeader, len(s.Faults))
		}
		name := filepath.Join(t.TempDir(), "schedule.json")
		if err := s.Save(name); err != nil {
			t.Fatal(err)
		}
		if again, err := LoadSchedule(name); err != nil || !reflect.DeepEqual(again, s) {
			t.Errorf("%s: saved and loaded is another schedule (%v)", class, err)
		}
	}
}
