package message

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// DefaultDelayLevels is RocketMQ's messageDelayLevel.
const DefaultDelayLevels = "1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h"

// delayLevelsMax bounds how many levels there can be: each has a queue.
const delayLevelsMax = 256

// DelayLevels are the delays of levels 1 to n in ms.
type DelayLevels []int64

// ParseDelayLevels parses "1s 5s 10s …" with the units s, m, h and d. Levels need not increase.
// Source: ScheduleMessageService#parseDelayLevel.
func ParseDelayLevels(s string) (DelayLevels, error) {
	words := strings.Fields(s)
	if len(words) == 0 || len(words) > delayLevelsMax {
		return nil, fmt.Errorf("%d delay levels, want 1 to %d", len(words), delayLevelsMax)
	}
	levels := make(DelayLevels, len(words))
	for i, w := range words {
		d, err := parseDelay(w)
		if err != nil {
			return nil, fmt.Errorf("delay level %d: %w", i+1, err)
		}
		levels[i] = d.Milliseconds()
	}
	return levels, nil
}

// parseDelay parses one level. A year is the longest.
func parseDelay(w string) (time.Duration, error) {
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}
	unit, ok := units[w[len(w)-1]]
	n, err := strconv.ParseUint(w[:len(w)-1], 10, 32)
	if !ok || err != nil || n == 0 || n > uint64(365*24*time.Hour/unit) {
		return 0, fmt.Errorf("%q is not a number from 1 with the unit s, m, h or d, at most 365d", w)
	}
	return time.Duration(n) * unit, nil
}

// Clamp returns the level that a message asking for level gets: 0 for none, at most the highest.
func (d DelayLevels) Clamp(level int32) int32 { return min(max(level, 0), int32(len(d))) }

// Delay returns the delay in ms of a level from 1 to n, else 0.
func (d DelayLevels) Delay(level int32) int64 {
	if level < 1 || int(level) > len(d) {
		return 0
	}
	return d[level-1]
}
