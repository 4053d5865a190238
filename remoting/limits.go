package remoting

import "time"

// Limits bound what one peer can make us hold. Zero fields take the defaults in brackets.
type Limits struct {
	FrameBytes         int           // largest frame, its length field included [16 MiB]
	HeaderBytes        int           // largest header [64 KiB]
	Connections        int           // accepted connections [10,000]
	ConnectionsPerHost int           // accepted connections from one address, loopback excepted [2,000]
	InFlight           int           // unanswered requests per connection, then reading stops [4,096]
	InFlightSize       int64         // bytes of unanswered requests over all connections, then reading stops [256 MiB]
	ConnInFlightSize   int64         // bytes of unanswered requests of one connection, then reading stops [an eighth of InFlightSize]
	Pending            int           // own requests without response per connection, then ErrNotSent [65,536]
	ReplyQueue         int64         // bytes of queued replies per connection, then it is closed [64 MiB]
	FrameTimeout       time.Duration // for a complete frame once its first byte came [10 s]
	WriteTimeout       time.Duration // for the peer to take 1 MiB of what is queued [10 s]
	IdleTimeout        time.Duration // without any traffic [120 s; 90 s for a Client, so that it closes first]
}

// withDefaults returns l with zero fields filled in. idle is the default of IdleTimeout.
func (l Limits) withDefaults(idle time.Duration) Limits {
	orDefault(&l.FrameBytes, 16<<20)
	orDefault(&l.HeaderBytes, 64<<10)
	orDefault(&l.Connections, 10_000)
	orDefault(&l.ConnectionsPerHost, 2_000)
	orDefault(&l.InFlight, 4_096)
	orDefault(&l.InFlightSize, 256<<20)
	orDefault(&l.ConnInFlightSize, l.InFlightSize/8)
	orDefault(&l.Pending, 65_536)
	orDefault(&l.ReplyQueue, 64<<20)
	orDefault(&l.FrameTimeout, 10*time.Second)
	orDefault(&l.WriteTimeout, 10*time.Second)
	orDefault(&l.IdleTimeout, idle)
	return l
}

func orDefault[T int | int64 | time.Duration](v *T, def T) {
	if *v <= 0 {
		*v = def
	}
}

const (
	serverIdleTimeout = 120 * time.Second
	clientIdleTimeout = 90 * time.Second
)
