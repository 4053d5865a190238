package broker

import (
	"testing"
	"time"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// boundaries returns one boundary an hour and 100 bytes apart; the newest was made hours ago.
func boundaries(n int, newest time.Duration) []state.Boundary {
	all := make([]state.Boundary, n)
	for i := range all {
		age := newest + time.Duration(n-1-i)*time.Hour
		all[i] = state.Boundary{Index: offset.Index(10 * (i + 1)), Position: offset.Physical(100 * (i + 1)), WallTime: noon.Add(-age).UnixMilli()}
	}
	return all
}

func TestRetainFrom(t *testing.T) {
	tests := []struct {
		name   string
		limits retentionLimits
		view   logView
		want   offset.Index // 0: nothing goes
	}{
		{"no limit keeps everything", retentionLimits{}, logView{boundaries: boundaries(5, time.Hour), next: 10_000, needed: 1000}, 0},
		{"what is older than the age goes, up to the newest boundary that is", retentionLimits{age: 150 * time.Minute},
			logView{boundaries: boundaries(5, time.Hour), next: 600, needed: 1000}, 30},
		{"a boundary exactly as old as the age stays", retentionLimits{age: 5 * time.Hour}, logView{boundaries: boundaries(5, time.Hour), next: 600, needed: 1000}, 0},
		{"size takes whole intervals until it fits", retentionLimits{bytes: 250}, logView{boundaries: boundaries(5, 0), next: 620, needed: 1000}, 40},
		{"a log that fits is left alone", retentionLimits{bytes: 620}, logView{boundaries: boundaries(5, 0), next: 620, needed: 1000}, 0},
		{"the size counts from where the log begins now", retentionLimits{bytes: 320}, logView{boundaries: boundaries(5, 0), first: 300, next: 620, needed: 1000}, 0},
		{"a full disk takes one interval", retentionLimits{free: 50}, logView{boundaries: boundaries(5, 0), next: 620, needed: 1000, free: 10}, 10},
		{"and the next one when the first is gone", retentionLimits{free: 50}, logView{boundaries: boundaries(5, 0), first: 100, next: 620, needed: 1000, free: 10}, 20},
		{"unknown free space takes nothing", retentionLimits{free: 50}, logView{boundaries: boundaries(5, 0), next: 620, needed: 1000, free: -1}, 0},
		{"what a voter needs stays", retentionLimits{bytes: 1}, logView{boundaries: boundaries(5, 0), next: 620, needed: 25}, 20},
		{"also when nothing is left to go", retentionLimits{bytes: 1}, logView{boundaries: boundaries(5, 0), next: 620, needed: 9}, 0},
		{"a delayed message that waits stays", retentionLimits{bytes: 1, age: 1, free: 1 << 40}, logView{boundaries: boundaries(5, time.Hour), next: 620, needed: 1000, waiting: 250}, 20},
		{"without boundaries nothing goes", retentionLimits{bytes: 1, age: 1, free: 1 << 40}, logView{next: 620, needed: 1000}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.view.now = noon
			from, ok := tt.limits.retainFrom(tt.view)
			if from != tt.want || ok != (tt.want != 0) {
				t.Errorf("retainFrom = %d, %v, want %d", from, ok, tt.want)
			}
		})
	}
}

func TestBoundaryDue(t *testing.T) {
	limits := retentionLimits{age: 72 * time.Hour, between: 1000}
	tests := []struct {
		name string
		view logView
		want bool
	}{
		{"after so many bytes", logView{since: 1000, boundaries: boundaries(1, 0)}, true},
		{"not before", logView{since: 999, boundaries: boundaries(1, time.Hour)}, false},
		{"a slow log gets one by age", logView{since: 1, boundaries: boundaries(1, 9*time.Hour)}, true},
		{"an idle log does not", logView{boundaries: boundaries(1, 100*time.Hour)}, false},
		{"the first one comes with the first bytes", logView{since: 1}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.view.now = noon
			if got := limits.boundaryDue(tt.view); got != tt.want {
				t.Errorf("boundaryDue = %v", got)
			}
		})
	}
	if (retentionLimits{between: 1000}).boundaryDue(logView{now: noon, since: 1}) {
		t.Error("a log without an age limit needs no boundary by age")
	}
}

func TestNeededIndexIsThatOfTheSlowestVoterHeardFrom(t *testing.T) {
	s := raftlog.Status{Self: "a@1", AppliedIndex: 100, Members: []raftlog.Member{
		{ID: "a@1", MatchIndex: 0},
		{ID: "b@1", MatchIndex: 60, LastContact: noon.Add(-time.Second)},
		{ID: "c@1", MatchIndex: 5, LastContact: noon.Add(-voterSilence - time.Second)},
	}}
	if got := neededIndex(s, noon); got != 60 {
		t.Errorf("neededIndex = %d, want 60", got)
	}
	s.Members[2].LastContact = noon.Add(-voterSilence)
	if got := neededIndex(s, noon); got != 5 {
		t.Errorf("neededIndex = %d, want 5: the silent voter is not silent yet", got)
	}
}
