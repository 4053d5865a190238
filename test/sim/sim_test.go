package sim

import (
	"flag"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var (
	histories = flag.Int("histories", 2, "how many histories TestHistories runs")
	cuts      = flag.Int("cuts", 12, "how many power cuts TestPowerCuts makes")
	firstSeed = flag.Uint64("seed", 1, "seed of the first history; of the only one in TestReplay")
	only      = flag.String("class", "", "only histories of this class")
	schedule  = flag.String("schedule", "", "schedule.json for TestReplay")
	times     = flag.Int("times", 10, "how often TestReplay plays its schedule")
	keep      = flag.String("keep", "", "directory for what failures leave [the system's for temporary files]")
	shrinkFor = flag.Duration("shrink", 0, "how long a failed schedule may be shrunk")
	thorough  = flag.Bool("thorough", false, "with the race detector, run what takes long with it, too")
)

const (
	historyLength = 20 * time.Second // virtual, of the load
	historyFaults = 8
	// Floors for one history; a run below them has tested nothing.
	ackedMin = 500
)

// historyOf is the schedule of a seed. The seed chooses the class, too, so that it is enough to repeat a history.
func historyOf(seed uint64) Schedule {
	class := Classes[seed%uint64(len(Classes))]
	if *only != "" {
		class = Class(*only)
	}
	return NewSchedule(class, seed, historyLength, historyFaults)
}

// slowWithRace leaves a test out that takes long with the race detector; scripts/sim.sh runs all without it.
func slowWithRace(t *testing.T) {
	if raceDetector && !*thorough {
		t.Skip("takes long with the race detector: run it without, or with -thorough")
	}
}

// total sums what histories did.
type total struct {
	mu sync.Mutex
	Counts
}

func (c *total) add(n Counts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Histories += n.Histories
	c.Faults += n.Faults
	c.PowerCuts += n.PowerCuts
	c.Acked += n.Acked
	c.Elections += n.Elections
	c.Quarantines += n.Quarantines
	c.Virtual += n.Virtual
}

func TestHistories(t *testing.T) {
	var sum total
	t.Run("all", func(t *testing.T) {
		for i := range *histories {
			s := historyOf(*firstSeed + uint64(i))
			t.Run(fmt.Sprint(s.Class, "/", s.Seed), func(t *testing.T) {
				t.Parallel()
				sum.add(play(t, s).History.Counts)
			})
		}
	})
	t.Logf("%+v", sum.Counts)
	if sum.Histories < *histories || sum.Faults < *histories*historyFaults*3/4 || sum.Acked < *histories*ackedMin {
		t.Errorf("too little was done: %+v", sum.Counts)
	}
}

// TestPowerCuts is short histories of little else.
func TestPowerCuts(t *testing.T) {
	slowWithRace(t)
	const each = 24
	var sum total
	t.Run("all", func(t *testing.T) {
		for i := 0; i*each < *cuts; i++ {
			s := NewPowerCuts(*firstSeed+uint64(i), min(each, *cuts-i*each))
			t.Run(fmt.Sprint(s.Seed), func(t *testing.T) {
				t.Parallel()
				sum.add(play(t, s).History.Counts)
			})
		}
	})
	t.Logf("%+v", sum.Counts)
	if sum.PowerCuts < *cuts {
		t.Errorf("too little was done: %+v", sum.Counts)
	}
}

// TestReplay plays one schedule many times and tells how often it failed.
func TestReplay(t *testing.T) {
	s := historyOf(*firstSeed)
	if *schedule != "" {
		var err error
		if s, err = LoadSchedule(*schedule); err != nil {
			t.Fatal(err)
		}
	} else if !flagSet("seed") {
		t.Skip("needs -seed N or -schedule FILE")
	}
	failed := 0
	for range *times {
		if r := playQuietly(t, s, *keep); len(r.Problems) > 0 {
			failed++
			t.Errorf("kept in %s: %v", r.Kept, r.Problems)
		}
	}
	t.Logf("failed %d of %d times", failed, *times)
}

func flagSet(name string) (set bool) {
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}

// play runs a schedule and reports what the checkers found.
func play(t *testing.T, s Schedule) *Result {
	t.Helper()
	began := time.Now()
	r := playQuietly(t, s, *keep)
	t.Logf("%+v in %v", r.History.Counts, time.Since(began).Round(time.Millisecond))
	if len(r.Problems) == 0 {
		return r
	}
	for _, p := range r.Problems {
		t.Error(p)
	}
	for _, e := range r.History.Events {
		t.Log(e)
	}
	t.Logf("kept in %s; again: go test ./test/sim -run TestReplay -schedule %s/schedule.json", r.Kept, r.Kept)
	if *shrinkFor > 0 {
		shrink(t, r)
	}
	return r
}

func playQuietly(t *testing.T, s Schedule, keep string) (r *Result) {
	synctest.Test(t, func(t *testing.T) { r = Play(t, s, keep) })
	return r
}

// shrink finds a smaller schedule that fails in one of three runs, and saves it beside the whole one.
func shrink(t *testing.T, r *Result) {
	end := time.Now().Add(*shrinkFor)
	fails := func(s Schedule) bool {
		for range 3 {
			if len(playQuietly(t, s, "-").Problems) > 0 {
				return true
			}
		}
		return false
	}
	small := Shrink(r.Schedule, fails, func() bool { return time.Now().Before(end) })
	name := r.Kept + "/small.json"
	if err := small.Save(name); err != nil {
		t.Error(err)
	}
	t.Logf("%d of %d faults are enough: %s", len(small.Faults), len(r.Schedule.Faults), name)
}
