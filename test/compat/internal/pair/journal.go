package pair

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// Kinds of events.
const (
	Ack       = "ack"       // a send was answered with success
	Failed    = "error"     // a send returned an error to its caller, after the client's own retries
	Delivered = "delivered" // a consumer was given a message
	Fault     = "fault"     // something was killed, stopped or handed over
	End       = "end"       // nothing is sent after this
)

// Event is one line of a journal. Fields that a kind does not use are left out.
type Event struct {
	At     int64  `json:"at"` // microseconds since 1970
	Event  string `json:"event"`
	ID     string `json:"id,omitempty"`
	Lane   int    `json:"lane,omitempty"`
	Seq    int    `json:"seq,omitempty"` // ordinal within the lane
	Broker string `json:"broker,omitempty"`
	Queue  int    `json:"queue"`
	Offset int64  `json:"offset"`
	Millis int64  `json:"millis,omitempty"` // how long the send took
	Status string `json:"status,omitempty"` // of an ack, if it is not SEND_OK
	Error  string `json:"error,omitempty"`
	Kind   string `json:"kind,omitempty"` // of a fault
	Target string `json:"target,omitempty"`
}

// Now is the time as events carry it.
func Now() int64 { return time.Now().UnixMicro() }

// Journal appends events to a file, one JSON object a line.
type Journal struct {
	mu   sync.Mutex
	file *os.File
	buf  *bufio.Writer
	err  error // the first failure; Close returns it
}

// Create begins a journal; an existing file is replaced.
func Create(path string) (*Journal, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return &Journal{file: file, buf: bufio.NewWriter(file)}, nil
}

// Add appends one event and stamps it if it has no time.
func (j *Journal) Add(e Event) {
	if e.At == 0 {
		e.At = Now()
	}
	line, err := json.Marshal(e)
	if err != nil {
		panic(err) // strings and integers only
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.buf.Write(append(line, '\n')); err != nil && j.err == nil {
		j.err = err
	}
}

// Close writes what is buffered and returns the first error of the journal's life.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.buf.Flush(); err != nil && j.err == nil {
		j.err = err
	}
	if err := j.file.Close(); err != nil && j.err == nil {
		j.err = err
	}
	return j.err
}

// ReadFile returns the events of one journal. An incomplete last line (a killed program) is left out.
func ReadFile(path string) ([]Event, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	events, err := read(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return events, nil
}

func read(r io.Reader) ([]Event, error) {
	var events []Event
	lines := bufio.NewReader(r)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return events, nil
		}
		if err != nil {
			return nil, err
		}
		var e Event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		events = append(events, e)
	}
}
