package cli

import (
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/config"
)

// limitMemory makes the garbage collector respect nine tenths of the memory limit of the cgroup (v2), unless GOMEMLIMIT says otherwise.
func limitMemory(environ []string, logger hclog.Logger) {
	if envValue(environ, "GOMEMLIMIT") != "" {
		return
	}
	limit := cgroupMemory("/proc/self/cgroup", "/sys/fs/cgroup")
	if limit == math.MaxInt64 {
		return
	}
	debug.SetMemoryLimit(limit / 10 * 9)
	logger.Info("memory limited", "cgroup", config.Bytes(limit))
}

// cgroupMemory is the lowest memory.max on the path of this process's cgroup, MaxInt64 if there is none.
func cgroupMemory(self, root string) int64 {
	lowest := int64(math.MaxInt64)
	b, err := os.ReadFile(self)
	if err != nil {
		return lowest
	}
	_, path, found := strings.Cut(strings.TrimSpace(string(b)), "0::")
	if !found {
		return lowest
	}
	for path = strings.Trim(path, "/"); ; path = path[:max(strings.LastIndexByte(path, '/'), 0)] {
		if b, err := os.ReadFile(root + "/" + path + "/memory.max"); err == nil {
			if n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil {
				lowest = min(lowest, n)
			}
		}
		if path == "" {
			return lowest
		}
	}
}
