package bench

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/raftmq/raftmq/client"
)

// Environment is where a report was made. What could not be found out is empty.
type Environment struct {
	Host      string   `json:"host"`
	CPU       string   `json:"cpu"`
	Cores     int      `json:"cores"`
	MemoryMiB int64    `json:"memory_mib,omitempty"`
	Kernel    string   `json:"kernel"`
	OS        string   `json:"os"`
	Go        string   `json:"go"`
	Tool      string   `json:"tool"`                  // version of this program
	Load      string   `json:"load_before,omitempty"` // load average
	Disk      *Disk    `json:"disk,omitempty"`
	Brokers   []Broker `json:"brokers,omitempty"`
}

// Disk is the file system of a directory of this machine: where brokers keep their data if they run here too.
type Disk struct {
	Dir    string `json:"dir"`
	Device string `json:"device,omitempty"`
	Type   string `json:"type,omitempty"`
	// Fsync is how long it takes to append 4 KiB to a file and fsync it, one after the other.
	Fsync Latency `json:"fsync"`
}

// Broker is one broker as it describes itself.
type Broker struct {
	Name    string            `json:"name"`
	Address string            `json:"address"`
	Version string            `json:"version,omitempty"`
	Config  map[string]string `json:"config,omitempty"`
}

// DescribeHost describes this machine. dir, if not "", is the directory whose disk is probed; version is that of the program.
func DescribeHost(dir, version string) Environment {
	e := Environment{Cores: runtime.NumCPU(), OS: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(), Tool: version}
	e.Host, _ = os.Hostname()
	describeHost(&e)
	if dir != "" {
		if d, err := probeDisk(dir); err == nil {
			e.Disk = d
		}
	}
	return e
}

// DescribeBrokers asks the leaders of a cluster what they are; those that do not answer are left out.
func (t *Target) DescribeBrokers(ctx context.Context) []Broker {
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	c, err := client.New(client.Options{NameServers: t.NameServers, Dial: t.Dial})
	if err != nil {
		return nil
	}
	defer c.Close()
	groups, err := c.Admin().Cluster(ctx, t.Cluster)
	if err != nil {
		return nil
	}
	var out []Broker
	for _, g := range groups {
		b := Broker{Name: g.Name, Address: g.Leader()}
		if info, err := c.Admin().BrokerInfo(ctx, b.Address); err == nil {
			b.Version = info["brokerVersionDesc"]
		}
		if all, err := c.Admin().BrokerConfig(ctx, b.Address); err == nil {
			b.Config = map[string]string{}
			for _, name := range tellingSettings {
				if value, ok := all[name]; ok {
					b.Config[name] = value
				}
			}
		}
		out = append(out, b)
	}
	slices.SortFunc(out, func(a, b Broker) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// tellingSettings are those of a broker that decide its speed or its safety. The others stay out: there are hundreds, and some are secret.
var tellingSettings = []string{"autoCreateTopicEnable", "brokerRole", "enableDLegerCommitLog", "flushDiskType", "flushCommitLogTimed", "inSyncReplicas", "maxMessageSize",
	"messageDelayLevel", "minInSyncReplicas", "sendMessageThreadPoolNums", "slaveReadEnable", "transferMsgByHeap", "transientStorePoolEnable", "waitTimeMillsInSendQueue"}

const (
	probeWrites = 50
	probeBytes  = 4 << 10
	probeTime   = 2 * time.Second
)

// probeDisk measures appends with fsync in a temporary file of dir, for at most probeTime.
func probeDisk(dir string) (*Disk, error) {
	f, err := os.CreateTemp(dir, "raftmq-bench-*.probe")
	if err != nil {
		return nil, fmt.Errorf("probe of %s: %w", dir, err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	d := &Disk{Dir: dir}
	d.Device, d.Type = mountOf(dir)
	h, block := NewHistogram(), make([]byte, probeBytes)
	for began := time.Now(); h.Count() < probeWrites && time.Since(began) < probeTime; {
		at := time.Now()
		if _, err := f.Write(block); err != nil {
			return nil, err
		}
		if err := f.Sync(); err != nil {
			return nil, err
		}
		h.Record(time.Since(at))
	}
	d.Fsync = h.Summary()
	return d, nil
}

// Text is the environment in one line.
func (e *Environment) Text() string {
	s := fmt.Sprintf("%s, %d cores", cmp.Or(e.CPU, e.OS), e.Cores)
	if e.MemoryMiB > 0 {
		s += ", " + strconv.FormatInt(e.MemoryMiB, 10) + " MiB"
	}
	if e.Kernel != "" {
		s += ", " + e.Kernel
	}
	if e.Disk != nil {
		s += fmt.Sprintf(", %s %s, fsync p50 %s p99 %s", e.Disk.Device, e.Disk.Type, micros(e.Disk.Fsync.P50), micros(e.Disk.Fsync.P99))
	}
	if e.Load != "" {
		s += ", load before " + e.Load
	}
	return s
}
