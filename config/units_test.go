package config

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseDuration(t *testing.T) {
	tests := []struct {
		in   string
		want time.Duration
		ok   bool
	}{
		{"500ms", 500 * time.Millisecond, true},
		{"3d", 72 * time.Hour, true},
		{"1d12h", 36 * time.Hour, true},
		{"1.5s", 1500 * time.Millisecond, true},
		{"0.5d", 0, true},
		{"0s", 0, true},
		{"1h 30m", 90 * time.Minute, true},
		{"", 0, false},
		{"0", 0, false},
		{"500", 0, false},
		{"ms", 0, false},
		{"-1s", 0, false},
		{"1s5", 0, false},
		{"1.2.3s", 0, false},
		{"999999999d", 0, false},
		{"200000d200000d", 0, false},
	}
	tests[4].want = 12 * time.Hour
	for _, tt := range tests {
		got, err := ParseDuration(tt.in)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("%q: got %v, %v, want %v", tt.in, got, err, tt.want)
		}
	}
}

func TestParseBytes(t *testing.T) {
	tests := []struct {
		in   string
		want Bytes
		ok   bool
	}{
		{"64MiB", 64 * MiB, true},
		{"1 GiB", GiB, true},
		{"0B", 0, true},
		{"1025B", 1025, true},
		{"64", 0, false},
		{"64MB", 0, false},
		{"1.5GiB", 0, false},
		{"-1B", 0, false},
		{"", 0, false},
		{"9999999999TiB", 0, false},
	}
	for _, tt := range tests {
		got, err := ParseBytes(tt.in)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("%q: got %v, %v, want %v", tt.in, got, err, tt.want)
		}
	}
}

func TestPrintedUnitsAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(0, int64(100000*time.Hour)).Draw(t, "duration"))
		if got, err := ParseDuration(FormatDuration(d)); err != nil || got != d {
			t.Fatalf("%v printed as %s, read as %v, %v", d, FormatDuration(d), got, err)
		}
		b := Bytes(rapid.Int64Range(0, 1<<62).Draw(t, "size"))
		if got, err := ParseBytes(b.String()); err != nil || got != b {
			t.Fatalf("%d printed as %s, read as %d, %v", int64(b), b, got, err)
		}
	})
	for d, want := range map[time.Duration]string{72 * time.Hour: "3d", 90 * time.Minute: "1h30m", 500 * time.Millisecond: "500ms", 0: "0s"} {
		if got := FormatDuration(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
