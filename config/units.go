package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Bytes is a size in bytes.
type Bytes int64

// Sizes. Day is the longest unit of a duration.
const (
	KiB Bytes = 1 << 10
	MiB Bytes = 1 << 20
	GiB Bytes = 1 << 30
	TiB Bytes = 1 << 40

	Day = 24 * time.Hour
)

var sizeUnits = []struct {
	name string
	size Bytes
}{{"TiB", TiB}, {"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB}, {"B", 1}}

// String prints the size in the largest unit that divides it: "64MiB".
func (b Bytes) String() string {
	for _, u := range sizeUnits {
		if b != 0 && b%u.size == 0 {
			return strconv.FormatInt(int64(b/u.size), 10) + u.name
		}
	}
	return "0B"
}

// ParseBytes reads a size with its unit: "64MiB", "512B".
func ParseBytes(s string) (Bytes, error) {
	number, unit := splitUnit(s)
	if number == "" || unit == "" {
		return 0, fmt.Errorf("a size needs a number and a unit, e.g. %q", orDefault(number, "64")+"MiB")
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a whole number; use a smaller unit", number)
	}
	for _, u := range sizeUnits {
		if u.name != unit {
			continue
		}
		if n > math.MaxInt64/int64(u.size) {
			return 0, fmt.Errorf("%q is too large", s)
		}
		return Bytes(n) * u.size, nil
	}
	return 0, fmt.Errorf("unknown unit %q; sizes are written in B, KiB, MiB, GiB or TiB", unit)
}

// FormatDuration prints a duration with units, days included: "3d", "1h30m", "500ms".
func FormatDuration(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	if d < 0 {
		return "-" + FormatDuration(-d)
	}
	var out strings.Builder
	if days := d / Day; days > 0 {
		fmt.Fprintf(&out, "%dd", days)
		d -= days * Day
	}
	for _, u := range []struct {
		name string
		size time.Duration
	}{{"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond}, {"us", time.Microsecond}, {"ns", 1}} {
		if n := d / u.size; n > 0 {
			fmt.Fprintf(&out, "%d%s", n, u.name)
			d -= n * u.size
		}
	}
	return out.String()
}

// ParseDuration reads a duration with units: "500ms", "1h30m", "3d", "1.5s". Numbers without a unit are refused, zero too.
func ParseDuration(s string) (time.Duration, error) {
	rest := strings.TrimSpace(s)
	if rest == "" {
		return 0, fmt.Errorf(`a duration needs a number and a unit, e.g. "500ms"`)
	}
	var total time.Duration
	for rest != "" {
		number, tail := splitUnit(rest)
		end := strings.IndexAny(tail, "0123456789.")
		if end < 0 {
			end = len(tail)
		}
		part, err := durationPart(number, strings.TrimSpace(tail[:end]))
		if err != nil {
			return 0, err
		}
		if total+part < total {
			return 0, fmt.Errorf("%q is too long", s)
		}
		total, rest = total+part, tail[end:]
	}
	return total, nil
}

// durationPart reads one number with one unit.
func durationPart(number, unit string) (time.Duration, error) {
	switch unit {
	case "":
		return 0, fmt.Errorf("a duration needs a unit, e.g. %q or %q", number+"ms", number+"s")
	case "ns", "us", "ms", "s", "m", "h", "d":
	default:
		return 0, fmt.Errorf("unknown unit %q; durations are written in ms, s, m, h or d", unit)
	}
	if number == "" {
		return 0, fmt.Errorf("unit %q without a number", unit)
	}
	factor := time.Duration(1)
	if unit == "d" {
		unit, factor = "h", 24
	}
	d, err := time.ParseDuration(number + unit)
	if err != nil || d > math.MaxInt64/factor {
		return 0, fmt.Errorf("%q is not a duration that can be used", number+unit)
	}
	return d * factor, nil
}

// splitUnit cuts s after its leading digits and dots.
func splitUnit(s string) (number, unit string) {
	s = strings.TrimSpace(s)
	i := 0
	for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == '.') {
		i++
	}
	return s[:i], strings.TrimSpace(s[i:])
}

func orDefault(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
