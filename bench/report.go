package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// FormatVersion is the version of the JSON report. It changes when a field changes its meaning.
const FormatVersion = 1

// Report is a set of runs and where they were made.
type Report struct {
	Format      int         `json:"raftmq_bench"`
	Command     []string    `json:"command,omitempty"` // repeats it
	Label       string      `json:"label,omitempty"`
	Started     time.Time   `json:"started"`
	Environment Environment `json:"environment"`
	Runs        []Run       `json:"runs"`
	Search      *Search     `json:"find_max,omitempty"`
}

// ErrFormat: a file is no report of this version.
var ErrFormat = errors.New("not a bench report")

// WriteJSON writes the report. Nothing is lost: ReadReport reads it back.
func (r *Report) WriteJSON(w io.Writer) error {
	r.Format = FormatVersion
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// ReadReport reads what WriteJSON wrote. The error wraps ErrFormat if it is anything else.
func ReadReport(in io.Reader) (*Report, error) {
	var r Report
	if err := json.NewDecoder(in).Decode(&r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if r.Format != FormatVersion {
		return nil, fmt.Errorf("%w: format %d, this program reads %d", ErrFormat, r.Format, FormatVersion)
	}
	for i := range r.Runs {
		if len(r.Runs[i].Streams) == 0 {
			return nil, fmt.Errorf("%w: run %q has no streams", ErrFormat, r.Runs[i].Name)
		}
	}
	return &r, nil
}

// Broken lists the runs in which a guarantee was broken, or could not be verified, with what is wrong; empty: none.
func (r *Report) Broken() []string {
	var out []string
	for i := range r.Runs {
		c := r.Runs[i].Checks
		if c != nil && c.Unread > 0 {
			out = append(out, fmt.Sprintf("%s: %d acknowledged messages could not be looked for", r.Runs[i].Name, c.Unread))
		}
		if c != nil && c.Broken() {
			out = append(out, fmt.Sprintf("%s: %d lost, %d misplaced, %d out of order", r.Runs[i].Name, c.Lost, c.Misplaced, c.OutOfOrder))
		}
	}
	return out
}
