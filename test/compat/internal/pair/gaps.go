package pair

import "slices"

// FaultGap is how long things stopped because of one fault.
type FaultGap struct {
	At       int64   `json:"at"`
	Kind     string  `json:"kind"`
	Target   string  `json:"target"`
	Ack      float64 `json:"ack_gap_millis"`
	Delivery float64 `json:"delivery_gap_millis"`
}

// Summary is what a table shows of several gaps, in milliseconds.
type Summary struct {
	Count  int     `json:"count"`
	Median float64 `json:"median_millis"`
	P99    float64 `json:"p99_millis"`
	Worst  float64 `json:"worst_millis"`
}

// pause is the time between two neighbouring events.
type pause struct{ from, to int64 }

func (p pause) millis() float64 { return float64(p.to-p.from) / 1000 }

// pauses returns the times between neighbours, and the one from the last to end if that is later.
func pauses(times []int64, end int64) []pause {
	times = slices.Sorted(slices.Values(times))
	if n := len(times); n > 0 && end > times[n-1] {
		times = append(times, end)
	}
	var all []pause
	for i := 1; i < len(times); i++ {
		all = append(all, pause{times[i-1], times[i]})
	}
	return all
}

// longest returns the longest pause.
func longest(all []pause) float64 {
	var most float64
	for _, p := range all {
		most = max(most, p.millis())
	}
	return most
}

// perFault returns for each fault, given in order, the longest of the pauses that are its own: a pause belongs to the
// fault between which and the next one most of it lies.
func perFault(all []pause, faults []Event) []float64 {
	gaps := make([]float64, len(faults))
	for _, p := range all {
		owner, most := -1, int64(0)
		for i, f := range faults {
			until := p.to
			if i+1 < len(faults) {
				until = min(until, faults[i+1].At)
			}
			if overlap := until - max(p.from, f.At); overlap > most {
				owner, most = i, overlap
			}
		}
		if owner >= 0 {
			gaps[owner] = max(gaps[owner], p.millis())
		}
	}
	return gaps
}

// measure fills the gaps of the report. Deliveries may go on after end, so their last pause is not counted.
func (j *judge) measure(faults []Event, end int64) {
	ackAt := make([]int64, len(j.acks))
	for i, e := range j.acks {
		ackAt[i] = e.At
	}
	acks, deliveries := pauses(ackAt, end), pauses(j.deliverAt, 0)
	j.LongestGap, j.DeliveryGap = longest(acks), longest(deliveries)
	ackGaps, deliveryGaps := perFault(acks, faults), perFault(deliveries, faults)
	for i, f := range faults {
		j.Faults = append(j.Faults,
			FaultGap{At: f.At, Kind: f.Kind, Target: f.Target, Ack: ackGaps[i], Delivery: deliveryGaps[i]})
	}
	j.Gaps = summarize(ackGaps)
}

// summarize takes the nearest ranks, so that the p99 of few values is the worst of them.
func summarize(values []float64) Summary {
	n := len(values)
	if n == 0 {
		return Summary{}
	}
	values = slices.Sorted(slices.Values(values))
	rank := func(percent int) float64 { return values[(n*percent+99)/100-1] }
	return Summary{Count: n, Median: rank(50), P99: rank(99), Worst: values[n-1]}
}
