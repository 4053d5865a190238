package config

import "time"

// Default returns a configuration without broker groups in which every other setting has its default.
func Default() Config {
	return Config{
		Cluster: "DefaultCluster",
		DataDir: "raftmq-data",
		Linger:  35 * time.Second,
		Namesrv: Namesrv{
			Listen:            ":9876",
			Addrs:             []string{"127.0.0.1:9876"},
			RegisterInterval:  30 * time.Second,
			HeartbeatInterval: time.Second,
			BrokerTimeout:     2 * time.Minute,
			ExpireScan:        time.Second,
			ReadyAfter:        30 * time.Second,
		},
		Admin: Admin{Listen: "127.0.0.1:8082", Allow: []string{}, Pprof: true},
		Log:   Log{Level: "info"},
	}
}

// DefaultBroker returns a group without name and members in which every other setting has its default.
func DefaultBroker() Broker {
	return Broker{
		VIPChannel: true,
		Raft: Raft{
			HeartbeatTimeout: 500 * time.Millisecond,
			ElectionTimeout:  500 * time.Millisecond,
			LeaseTimeout:     250 * time.Millisecond,
			EntrySize:        MiB,
			EntriesInFlight:  2,
			QueueSize:        64 * MiB,
		},
		Store: Store{
			Flush:             "sync",
			FlushInterval:     100 * time.Millisecond,
			CommitlogFileSize: GiB,
			TailCache:         32 * MiB,
			Retention:         3 * Day,
			DeleteAt:          []string{},
			DiskFreeMin:       GiB,
			DiskReserve:       256 * MiB,
			ScrubRate:         8 * MiB,
			BoundarySize:      GiB,
		},
		Topic: Topic{DefaultQueues: 8},
		Group: Group{AutoCreate: true, OffsetCommitInterval: 100 * time.Millisecond},
		Limits: Limits{
			MessageSize:      4 * MiB,
			Connections:      10_000,
			InflightRequests: 4096,
			InflightSize:     256 * MiB,
			IdleTimeout:      2 * time.Minute,
			ParkedPulls:      100_000,
			ForwardBudget:    2 * time.Second,
		},
		Read:  Read{FromFollowers: true, HotWindow: 256 * MiB},
		Delay: Delay{Levels: "1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h"},
	}
}
