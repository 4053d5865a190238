//go:build !linux

package bench

import "time"

// Elsewhere than on Linux reports do without these.

func processorTime() time.Duration { return 0 }

func describeHost(*Environment) {}

func mountOf(string) (device, kind string) { return "", "" }
