package client

import (
	"slices"
	"testing"
	"time"
)

func TestQueuesTakeTurns(t *testing.T) {
	s := newSelector(time.Second)
	queues := queueList(6)
	used := map[Queue]int{}
	for range 60 {
		used[s.choose(time.Now(), queues, "")]++
	}
	for _, q := range queues {
		if used[q] != 10 {
			t.Errorf("%v was chosen %d times of 60, want 10", q, used[q])
		}
	}
}

func TestFailedBrokersAreAvoided(t *testing.T) {
	s := newSelector(time.Second)
	queues, now := queueList(6), time.Now()
	brokers := func(at time.Time, last string) []string {
		seen := map[string]bool{}
		for range 20 {
			seen[s.choose(at, queues, last).Broker] = true
		}
		var out []string
		for b := range seen {
			out = append(out, b)
		}
		slices.Sort(out)
		return out
	}
	if got := brokers(now, "b0"); !slices.Equal(got, []string{"b1"}) {
		t.Errorf("after b0 failed: %v", got)
	}
	s.failed(now, "b0")
	if got := brokers(now, ""); !slices.Equal(got, []string{"b1"}) {
		t.Errorf("while b0 is avoided: %v", got)
	}
	if got := brokers(now, "b1"); !slices.Equal(got, []string{"b0"}) {
		t.Errorf("the avoided broker is better than the one that has just failed: %v", got)
	}
	if got := brokers(now.Add(time.Second), ""); !slices.Equal(got, []string{"b0", "b1"}) {
		t.Errorf("after the pause: %v", got)
	}
	s.failed(now, "b0")
	s.succeeded("b0")
	if got := brokers(now, ""); !slices.Equal(got, []string{"b0", "b1"}) {
		t.Errorf("after a success: %v", got)
	}
}

func TestTheOnlyBrokerIsUsedWhateverHappens(t *testing.T) {
	s := newSelector(time.Second)
	s.failed(time.Now(), "b0")
	if q := s.choose(time.Now(), []Queue{{"T", "b0", 3}}, "b0"); q.ID != 3 {
		t.Errorf("chose %v", q)
	}
}
