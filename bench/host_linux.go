package bench

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// processorTime is the CPU time that this process has used.
func processorTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func describeHost(e *Environment) {
	e.CPU = lineValue("/proc/cpuinfo", "model name")
	kib, _ := strconv.ParseInt(strings.TrimSuffix(lineValue("/proc/meminfo", "MemTotal"), " kB"), 10, 64)
	e.MemoryMiB = kib / 1024
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		e.Kernel = unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
	}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		e.Load = strings.Join(strings.Fields(string(b))[:3], " ")
	}
}

// lineValue returns what follows "name:" on the first such line of a file.
func lineValue(file, name string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// mountOf returns device and type of the file system that holds dir: the mount with the longest path above it.
func mountOf(dir string) (device, kind string) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", ""
	}
	b, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "", ""
	}
	longest := -1
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 3 || len(f[1]) < longest {
			continue
		}
		if f[1] == "/" || dir == f[1] || strings.HasPrefix(dir, f[1]+"/") {
			device, kind, longest = f[0], f[2], len(f[1])
		}
	}
	return device, kind
}
