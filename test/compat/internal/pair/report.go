package pair

import (
	"cmp"
	"fmt"
	"slices"
)

// Report is the verdict on a run. Times are milliseconds.
type Report struct {
	Sent      int `json:"sent"`
	Acked     int `json:"acked"`
	Failed    int `json:"failed"` // sends that gave their caller an error
	NotOK     int `json:"not_ok"` // acked with a status other than SEND_OK
	Delivered int `json:"delivered"`

	Missing     int `json:"missing"`      // acked, never delivered
	Misplaced   int `json:"misplaced"`    // a position holds something else than was acked or delivered there before
	OutOfOrder  int `json:"out_of_order"` // acked by one lane later, stored in the same queue earlier
	StoredTwice int `json:"stored_twice"` // an id at a second position: the client sent it again
	Redelivered int `json:"redelivered"`  // a position delivered again
	Unknown     int `json:"unknown"`      // delivered, though its send failed

	SlowestSend int64   `json:"slowest_send_millis"`
	LongestGap  float64 `json:"longest_gap_millis"` // between two acks, or from the last to the end of sending
	DeliveryGap float64 `json:"longest_delivery_gap_millis"`

	Faults  []FaultGap `json:"faults,omitempty"`
	Gaps    Summary    `json:"gaps"` // of the acks, over all faults
	Samples []string   `json:"samples,omitempty"`
}

// Lost tells whether a promise was broken: something acknowledged is missing, elsewhere or in another order.
func (r Report) Lost() bool { return r.Missing+r.Misplaced+r.OutOfOrder > 0 }

// position is where a message is stored.
type position struct {
	broker string
	queue  int
	offset int64
}

func (e Event) position() position { return position{e.Broker, e.Queue, e.Offset} }

const samplesMax = 20

// judge collects what the events say before they are compared.
type judge struct {
	Report
	acks      []Event
	deliverAt []int64
	failed    map[string]bool
	holds     map[position]string   // what was delivered at a position
	at        map[string][]position // where an id was delivered
}

// Judge reads the events of one or more journals, in any order, and reports.
func Judge(events []Event) Report {
	events = slices.Clone(events)
	slices.SortStableFunc(events, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
	j := judge{failed: map[string]bool{}, holds: map[position]string{}, at: map[string][]position{}}
	var faults []Event
	var end int64
	for _, e := range events {
		switch e.Event {
		case Ack:
			j.ack(e)
		case Failed:
			j.Failed++
			j.failed[e.ID] = true
			j.SlowestSend = max(j.SlowestSend, e.Millis)
		case Delivered:
			j.delivered(e)
		case Fault:
			faults = append(faults, e)
		case End:
			end = max(end, e.At)
		}
	}
	j.Sent = j.Acked + j.Failed
	j.compare()
	j.measure(faults, end)
	return j.Report
}

func (j *judge) ack(e Event) {
	j.Acked++
	j.SlowestSend = max(j.SlowestSend, e.Millis)
	if e.Status != "" {
		j.NotOK++
	}
	j.acks = append(j.acks, e)
}

func (j *judge) delivered(e Event) {
	j.deliverAt = append(j.deliverAt, e.At)
	p := e.position()
	held, seen := j.holds[p]
	switch {
	case !seen:
		j.holds[p] = e.ID
		if len(j.at[e.ID]) > 0 {
			j.StoredTwice++
		} else {
			j.Delivered++
		}
		j.at[e.ID] = append(j.at[e.ID], p)
	case held == e.ID:
		j.Redelivered++
	default:
		j.Misplaced++
		j.sample("%v was delivered as %s and as %s", p, held, e.ID)
	}
}

// compare holds the acknowledgements against the deliveries and against each other.
func (j *judge) compare() {
	type track struct {
		lane   int
		broker string
		queue  int
	}
	slices.SortStableFunc(j.acks, func(a, b Event) int { return cmp.Or(cmp.Compare(a.Lane, b.Lane), cmp.Compare(a.Seq, b.Seq)) })
	last := map[track]Event{}
	for _, e := range j.acks {
		if len(j.at[e.ID]) == 0 {
			j.Missing++
			j.sample("%s was acked at %v and never delivered", e.ID, e.position())
		} else if held, ok := j.holds[e.position()]; ok && held != e.ID {
			j.Misplaced++
			j.sample("%s was acked at %v, which holds %s", e.ID, e.position(), held)
		}
		key := track{e.Lane, e.Broker, e.Queue}
		if before, ok := last[key]; ok && before.Offset >= e.Offset {
			j.OutOfOrder++
			j.sample("%s was acked at %v after %s at %v", e.ID, e.position(), before.ID, before.position())
		}
		last[key] = e
	}
	for id := range j.failed {
		if len(j.at[id]) > 0 {
			j.Unknown++
		}
	}
}

func (j *judge) sample(format string, args ...any) {
	if len(j.Samples) < samplesMax {
		j.Samples = append(j.Samples, fmt.Sprintf(format, args...))
	}
}
