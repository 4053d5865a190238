package bench

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSettings(t *testing.T) {
	tests := []struct {
		name string
		s    Settings
		want string // of the error; "": none
	}{
		{"all defaults", Settings{Kind: Produce}, ""},
		{"too many in flight", Settings{Kind: Produce, Concurrency: 1 << 20}, "concurrency 1048576: use 1 to 60000"},
		{"no room for a mark", Settings{Kind: EndToEnd, Size: 23}, "size 23: use 24 to"},
		{"a body of one byte", Settings{Kind: Produce, Size: 1}, ""},
		{"a negative rate", Settings{Kind: Produce, Rate: -1}, "rate -1"},
		{"a payload of another kind", Settings{Kind: Produce, Payload: "ones"}, `payload "ones": use random, zero or file:PATH`},
		{"a negative time", Settings{Kind: Produce, Duration: seconds(-1)}, "duration -1s: use at least 0s"},
		{"an existing topic", Settings{Kind: Consume, Queues: -1}, ""},
		{"a negative number", Settings{Kind: Produce, Messages: -3}, "messages -3"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.s.EnsureDefaults()
			if err := tt.s.Validate(); tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	all := Settings{Kind: Produce, Concurrency: -1, Size: -1, Payload: "x"}
	all.EnsureDefaults()
	if err := all.Validate(); strings.Count(err.Error(), "\n") != 3 { // connections follow concurrency
		t.Errorf("not every problem at once: %v", err)
	}
}

func TestSweep(t *testing.T) {
	w := Sweep{Sizes: []int{100, 1024}, Concurrency: []int{1, 64}, Queues: []int{8, 32}}
	var names, topics []string
	for _, s := range w.Runs(Settings{Kind: Produce, Topic: "T"}) {
		names, topics = append(names, s.Name()), append(topics, s.Topic)
		if err := s.Validate(); err != nil {
			t.Error(err)
		}
	}
	want := "produce 100B c1|produce 100B c64|produce 1KiB c1|produce 1KiB c64|produce 100B c1 q32|produce 100B c64 q32|produce 1KiB c1 q32|produce 1KiB c64 q32"
	if got := strings.Join(names, "|"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if topics[0] != "T-q8" || topics[7] != "T-q32" {
		t.Errorf("topics %v", topics)
	}
}

func TestSuites(t *testing.T) {
	for _, name := range SuiteNames() {
		runs, err := Suite(name, Settings{Topic: "T"})
		if err != nil {
			t.Fatal(err)
		}
		kinds := map[Kind]int{}
		for _, s := range runs {
			kinds[s.Kind]++
			if err := s.Validate(); err != nil {
				t.Errorf("%s, %s: %v", name, s.Name(), err)
			}
		}
		if kinds[Produce] < 4 || kinds[Consume] == 0 || kinds[EndToEnd] == 0 {
			t.Errorf("%s: %v", name, kinds)
		}
	}
	if _, err := Suite("slow", Settings{}); err == nil || !strings.Contains(err.Error(), "quick, standard") {
		t.Errorf("unknown suite: %v", err)
	}
}

func TestPayload(t *testing.T) {
	file := filepath.Join(t.TempDir(), "words")
	if err := os.WriteFile(file, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	random, err := newPayload("random", 50)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := newPayload("random", 50)
	if bytes.Equal(random.body(0), random.body(1)) || !bytes.Equal(random.body(1), again.body(1)) {
		t.Error("bodies are to differ, and be the same in every run")
	}
	for n := int64(0); n < 100_000; n += 997 {
		if len(random.body(n)) != 50 {
			t.Fatalf("body %d has %d bytes", n, len(random.body(n)))
		}
	}
	zero, _ := newPayload("zero", 5)
	if !bytes.Equal(zero.body(3), make([]byte, 5)) {
		t.Errorf("zero: %v", zero.body(3))
	}
	words, err := newPayload("file:"+file, 5)
	if err != nil || string(words.body(0)) != "abcab" {
		t.Errorf("file: %q, %v", words.body(0), err)
	}
	if _, err := newPayload("file:"+file+".none", 5); err == nil || !strings.Contains(err.Error(), "words.none") {
		t.Errorf("a file that is not there: %v", err)
	}
}
