package namesrv

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/raftmq/raftmq/remoting"
)

// Options configure a Server. Zero fields take the defaults in brackets.
type Options struct {
	Listener net.Listener // already listening
	Limits   remoting.Limits
	Caps     Caps
	// BrokerTimeout is the age of the last 103 or 904 after which a registration expires, unless it brought its own [120 s].
	BrokerTimeout time.Duration
	ScanInterval  time.Duration // how often expiry is looked for [1 s]
	// ReadyAfter is how long after an empty start unknown topics are answered "not ready" [30 s]; negative: not at all. Groups
	// names the broker groups whose registration ends that state early when all leaders have come; may be empty.
	ReadyAfter time.Duration
	Groups     []string
	// AdminAllow are the CIDRs (or addresses) besides loopback from which admin requests are served. RegisterAllow are those from
	// which brokers may register; empty: from anywhere, as RocketMQ does.
	AdminAllow    []string
	RegisterAllow []string
	// Secret, if set, must have signed what brokers send (protocol.SignRegistration); brokers that do not sign are refused.
	Secret []byte
	// OrderTopicConf adds the KV entries of ORDER_TOPIC_CONFIG to routes (RocketMQ's orderMessageEnable).
	OrderTopicConf bool
	DrainTimeout   time.Duration         // for open requests when Run ends [3 s]
	Metrics        prometheus.Registerer // nil: none
	Logger         hclog.Logger          // nil: none
}

// Caps bound what registrations can make the NameServer hold. A full table refuses new names and keeps the old ones.
type Caps struct {
	Groups         int // broker groups, remembered ones included [1,000]
	Members        int // of a group [64]
	TopicsPerGroup int // [50,000]
	Topics         int // over all groups [200,000]
	KVEntries      int // [10,000]
	KVBytes        int // of one key and value together [64 KiB]
}

// EnsureDefaults fills zero fields.
func (o *Options) EnsureDefaults() {
	setDefault(&o.BrokerTimeout, 120*time.Second)
	setDefault(&o.ScanInterval, time.Second)
	setDefault(&o.ReadyAfter, 30*time.Second)
	setDefault(&o.DrainTimeout, 3*time.Second)
	setDefault(&o.Caps.Groups, 1000)
	setDefault(&o.Caps.Members, 64)
	setDefault(&o.Caps.TopicsPerGroup, 50_000)
	setDefault(&o.Caps.Topics, 200_000)
	setDefault(&o.Caps.KVEntries, 10_000)
	setDefault(&o.Caps.KVBytes, 64<<10)
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate returns every problem at once.
func (o *Options) Validate() error {
	var problems []error
	if o.Listener == nil {
		problems = append(problems, errors.New("Listener is missing"))
	}
	if o.BrokerTimeout < 0 || o.ScanInterval < 0 {
		problems = append(problems, fmt.Errorf("BrokerTimeout = %v, ScanInterval = %v: must be positive", o.BrokerTimeout, o.ScanInterval))
	}
	for name, cidrs := range map[string][]string{"AdminAllow": o.AdminAllow, "RegisterAllow": o.RegisterAllow} {
		if _, err := parseNetworks(cidrs); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(problems...)
}

// networks is a set of address ranges.
type networks []netip.Prefix

func parseNetworks(cidrs []string) (networks, error) {
	var out networks
	for _, text := range cidrs {
		if addr, err := netip.ParseAddr(text); err == nil {
			out = append(out, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%q is neither an address nor a network like 10.0.0.0/8", text)
		}
		out = append(out, prefix)
	}
	return out, nil
}

func (n networks) contain(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	for _, p := range n {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
