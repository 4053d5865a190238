package pair

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// Events with the fields that matter for a verdict.
func ack(at int64, id string, lane, seq, queue int, offset int64) Event {
	return Event{At: at, Event: Ack, ID: id, Lane: lane, Seq: seq, Broker: "b", Queue: queue, Offset: offset}
}

func got(at int64, id string, queue int, offset int64) Event {
	return Event{At: at, Event: Delivered, ID: id, Broker: "b", Queue: queue, Offset: offset}
}

func TestJudge(t *testing.T) {
	tests := []struct {
		name   string
		events []Event
		want   Report // only the counts
	}{
		{"all well", []Event{ack(1, "a", 1, 1, 0, 0), got(2, "a", 0, 0)}, Report{Sent: 1, Acked: 1, Delivered: 1}},
		{"an acked message is missing", []Event{ack(1, "a", 1, 1, 0, 0)}, Report{Sent: 1, Acked: 1, Missing: 1}},
		{"a failed send that was stored is no loss", []Event{{Event: Failed, ID: "a"}, got(2, "a", 0, 0)},
			Report{Sent: 1, Failed: 1, Delivered: 1, Unknown: 1}},
		{"a second copy is no loss", []Event{ack(1, "a", 1, 1, 0, 1), got(2, "a", 0, 0), got(3, "a", 0, 1)},
			Report{Sent: 1, Acked: 1, Delivered: 1, StoredTwice: 1}},
		{"a redelivery is no loss", []Event{ack(1, "a", 1, 1, 0, 0), got(2, "a", 0, 0), got(3, "a", 0, 0)},
			Report{Sent: 1, Acked: 1, Delivered: 1, Redelivered: 1}},
		{"a position was used twice", []Event{ack(1, "a", 1, 1, 0, 0), got(2, "a", 0, 0), got(3, "b", 0, 0)},
			Report{Sent: 1, Acked: 1, Delivered: 1, Misplaced: 1}},
		{"an ack names a position that holds another", []Event{ack(1, "a", 1, 1, 0, 7), got(2, "a", 0, 0), got(3, "b", 0, 7)},
			Report{Sent: 1, Acked: 1, Delivered: 2, Misplaced: 1}},
		{"a lane's offsets fall", []Event{
			ack(1, "a", 1, 1, 0, 5), ack(2, "b", 1, 2, 0, 4), got(3, "a", 0, 5), got(4, "b", 0, 4)},
			Report{Sent: 2, Acked: 2, Delivered: 2, OutOfOrder: 1}},
		{"other lanes and queues do not matter", []Event{
			ack(1, "a", 1, 1, 0, 5), ack(2, "b", 2, 1, 0, 4), ack(3, "c", 1, 2, 1, 0),
			got(4, "a", 0, 5), got(5, "b", 0, 4), got(6, "c", 1, 0)},
			Report{Sent: 3, Acked: 3, Delivered: 3}},
		{"a status that is not SEND_OK", []Event{
			{Event: Ack, ID: "a", Status: "FLUSH_SLAVE_TIMEOUT", Broker: "b"}, got(2, "a", 0, 0)},
			Report{Sent: 1, Acked: 1, NotOK: 1, Delivered: 1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := Judge(test.events)
			r.Samples, r.LongestGap, r.DeliveryGap = nil, 0, 0
			if !reflect.DeepEqual(r, test.want) {
				t.Errorf("got  %+v\nwant %+v", r, test.want)
			}
			if lost := test.want.Missing+test.want.Misplaced+test.want.OutOfOrder > 0; r.Lost() != lost {
				t.Errorf("Lost() = %v", r.Lost())
			}
		})
	}
}

func TestGapsBelongToTheirFaults(t *testing.T) {
	const ms = 1000
	var events []Event
	// Acks each 10 ms for 10 s, except 300 ms after the fault at 2 s, 900 ms after that at 5 s and none after 9.5 s.
	for at := int64(0); at <= 9500*ms; at += 10 * ms {
		if at > 2000*ms && at < 2300*ms || at > 4990*ms && at < 5890*ms {
			continue
		}
		events = append(events, ack(at, "x", 1, len(events), 0, int64(len(events))))
	}
	events = append(events,
		Event{At: 2001 * ms, Event: Fault, Kind: "kill", Target: "n1"},
		Event{At: 5000 * ms, Event: Fault, Kind: "stop", Target: "n2"},
		Event{At: 10_000 * ms, Event: End})
	r := Judge(events)
	if len(r.Faults) != 2 || r.Faults[0].Ack != 300 || r.Faults[1].Ack != 900 || r.Faults[1].Target != "n2" {
		t.Errorf("faults: %+v", r.Faults)
	}
	if want := (Summary{Count: 2, Median: 300, P99: 900, Worst: 900}); r.Gaps != want {
		t.Errorf("summary %+v, want %+v", r.Gaps, want)
	}
	if r.LongestGap != 900 {
		t.Errorf("longest %v, want 900", r.LongestGap)
	}
	if silent := Judge(append(events[:len(events)-1:len(events)-1], Event{At: 60_000 * ms, Event: End})); silent.LongestGap != 50_500 {
		t.Errorf("acks that never come back: %v, want 50500", silent.LongestGap)
	}
}

func TestJournalIsReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	j, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	want := []Event{ack(5, "a", 1, 2, 3, 4), {At: 6, Event: Failed, ID: "b", Error: "no route\n"}}
	for _, e := range want {
		j.Add(e)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	events, err := ReadFile(path)
	if err != nil || !reflect.DeepEqual(events, want) {
		t.Errorf("%+v, %v", events, err)
	}
	if cut, err := read(strings.NewReader("{\"at\":1}\n{\"at\":")); err != nil || len(cut) != 1 {
		t.Errorf("an incomplete last line: %v, %v", cut, err)
	}
	if _, err := read(strings.NewReader("nonsense\n")); err == nil {
		t.Error("a line that is no event was read")
	}
}
