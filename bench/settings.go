package bench

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind is what a run does.
type Kind string

const (
	Produce  Kind = "produce"  // sends and waits for acknowledgements
	Consume  Kind = "consume"  // reads queues from their first message to their end
	EndToEnd Kind = "e2e"      // sends and reads at the same time, and checks what arrives
	Failover Kind = "failover" // sends while faults are made, then reads everything back
)

// Duration is a time.Duration that JSON shows as text: "1m30s".
type Duration struct{ time.Duration }

// MarshalText is the text of time.Duration.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (d *Duration) UnmarshalText(b []byte) (err error) {
	d.Duration, err = time.ParseDuration(string(b))
	return err
}

// Settings are the effective configuration of one run; they stand in the report as they are. Zero fields take the defaults in brackets.
type Settings struct {
	Kind  Kind   `json:"kind"`
	Topic string `json:"topic"` // ["raftmq-bench"]
	Group string `json:"group"` // that pulls name ["raftmq-bench"]; nothing joins it
	// Queues is the number of queues that the topic is given on each broker group before the run [8]; negative: the topic is taken as it is.
	Queues      int `json:"queues"`
	Size        int `json:"size_bytes"`  // of a body [1024]
	Connections int `json:"connections"` // to each broker [4, at most Concurrency]
	// Concurrency is the number of messages in flight, or of pulls. With Rate it is only the most that may be in flight: messages that are
	// due beyond it wait in the tool, and the wait counts in their latency. [64; with Rate 10,000; Consume and Failover 16]
	Concurrency int `json:"concurrency"`
	// Rate is how many messages are meant to be sent a second, whatever happens (open loop); 0: each lane sends the next message when the
	// one before is acknowledged (closed loop).
	Rate     float64  `json:"rate,omitempty"`
	Messages int64    `json:"messages,omitempty"` // ends the run after so many; 0: no limit
	Warmup   Duration `json:"warmup"`             // not measured [Produce and EndToEnd 2s]
	Duration Duration `json:"duration"`           // measured [10s; Failover 30s; Consume: until what was there is read]
	Step     Duration `json:"step"`               // of the series [1s; Failover 100ms]
	Timeout  Duration `json:"timeout"`            // of one request [3s]
	Payload  string   `json:"payload,omitempty"`  // random, zero or file:PATH ["random"]
	// CompressAbove is the size from which bodies are compressed by the tool, with zlib level 5; 0: none.
	CompressAbove int `json:"compress_above_bytes,omitempty"`
	PullMax       int `json:"pull_messages,omitempty"` // messages of one pull [32]
	// Keys, Tags and PropertyBytes add what RocketMQ's own benchmark adds: a key, one of Tags tags, a property of so many bytes.
	Keys          bool `json:"keys,omitempty"`
	Tags          int  `json:"tags,omitempty"`
	PropertyBytes int  `json:"property_bytes,omitempty"`
}

// markBytes is what a message needs to carry to be recognised: see mark.go.
const markBytes = 24

// Limits keep a slip of the keyboard from taking the machine down.
const (
	concurrencyMax = 60_000 // below the 65,536 unanswered requests of one connection
	connectionsMax = 10_000
	queuesMax      = 10_000
	sizeMax        = 4 << 20
)

// EnsureDefaults fills zero fields.
func (s *Settings) EnsureDefaults() {
	setDefault(&s.Topic, "raftmq-bench")
	setDefault(&s.Group, "raftmq-bench")
	setDefault(&s.Queues, 8)
	setDefault(&s.Size, 1024)
	switch {
	case s.Rate > 0:
		setDefault(&s.Concurrency, 10_000)
	case s.Kind == Consume || s.Kind == Failover:
		setDefault(&s.Concurrency, 16)
	default:
		setDefault(&s.Concurrency, 64)
	}
	setDefault(&s.Connections, min(4, s.Concurrency))
	step, duration := time.Second, 10*time.Second
	if s.Kind == Failover {
		step, duration = 100*time.Millisecond, 30*time.Second
	}
	if s.Kind != Consume {
		setDefault(&s.Duration.Duration, duration)
	}
	setDefault(&s.Step.Duration, step)
	setDefault(&s.Timeout.Duration, 3*time.Second)
	setDefault(&s.Payload, "random")
	setDefault(&s.PullMax, 32)
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// clients is the number of clients that a run needs beside its streams (streams.go).
func (s *Settings) clients() int {
	switch s.Kind {
	case Produce:
		return 1
	case EndToEnd:
		return min(s.Connections, 4)
	}
	return s.Connections
}

// compresses reports whether the bodies of the run are compressed.
func (s *Settings) compresses() bool { return s.CompressAbove > 0 && s.Size >= s.CompressAbove }

// Validate returns every problem at once, each with the value and what would be right.
func (s *Settings) Validate() error {
	var problems []error
	between := func(name string, value, least, most int) {
		if value < least || value > most {
			problems = append(problems, fmt.Errorf("%s %d: use %d to %d", name, value, least, most))
		}
	}
	between("concurrency", s.Concurrency, 1, concurrencyMax)
	between("connections", s.Connections, 1, connectionsMax)
	if s.Queues >= 0 {
		between("queues", s.Queues, 1, queuesMax)
	}
	least := 1
	if s.Kind == EndToEnd || s.Kind == Failover {
		least = markBytes
	}
	between("size", s.Size, least, sizeMax)
	between("pull messages", s.PullMax, 1, 1024)
	between("property bytes", s.PropertyBytes, 0, 16<<10)
	between("tags", s.Tags, 0, 1<<20)
	if s.Rate < 0 || s.Rate > 10_000_000 {
		problems = append(problems, fmt.Errorf("rate %g: use 0 for a closed loop, or up to 10,000,000 messages a second", s.Rate))
	}
	for _, d := range []struct {
		name  string
		value time.Duration
		least time.Duration
	}{{"warm-up", s.Warmup.Duration, 0}, {"duration", s.Duration.Duration, 0}, {"step", s.Step.Duration, 10 * time.Millisecond}, {"timeout", s.Timeout.Duration, 10 * time.Millisecond}} {
		if d.value < d.least {
			problems = append(problems, fmt.Errorf("%s %v: use at least %v", d.name, d.value, d.least))
		}
	}
	if s.Payload != "random" && s.Payload != "zero" && !strings.HasPrefix(s.Payload, "file:") {
		problems = append(problems, fmt.Errorf("payload %q: use random, zero or file:PATH", s.Payload))
	}
	if s.Messages < 0 {
		problems = append(problems, fmt.Errorf("messages %d: use 0 for no limit, or a number", s.Messages))
	}
	return errors.Join(problems...)
}

// Name tells runs of one report apart: "produce 1KiB c64"; queues and connections are in it when they are not the usual ones.
func (s *Settings) Name() string {
	name := string(s.Kind)
	if s.Kind != Consume {
		name += " " + sizeText(s.Size)
	}
	if s.Rate > 0 {
		name += fmt.Sprintf(" rate%g", s.Rate)
	} else {
		name += fmt.Sprintf(" c%d", s.Concurrency)
	}
	if s.Queues > 0 && s.Queues != 8 {
		name += fmt.Sprintf(" q%d", s.Queues)
	}
	if s.Connections != min(4, s.Concurrency) {
		name += fmt.Sprintf(" n%d", s.Connections)
	}
	return name
}

func sizeText(n int) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%dMiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%dKiB", n>>10)
	}
	return fmt.Sprintf("%dB", n)
}
