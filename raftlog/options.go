package raftlog

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/internal/vfs"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

// Peer is a configured member: its name and where its Raft listener is ("host:port").
type Peer struct{ Name, Address string }

// Options configure a Node. Zero values take defaults.
type Options struct {
	FS  vfs.FS
	Dir string // holds identity, commitlog/, images/, stable.db
	// RealDir is Dir for bbolt, which needs real files. Default Dir.
	RealDir string

	Group string // broker name, for logs and the handshake
	Name  string // this node
	Peers []Peer // in member order; the first bootstraps
	// Resolve maps a member's name to its address when Peers does not have it. Optional.
	Resolve func(name string) (addr string, ok bool)

	Listener net.Listener
	Dial     func(ctx context.Context, addr string) (net.Conn, error)
	Secret   []byte // shared secret of the handshake; empty only if Insecure or the listener is loopback
	Insecure bool

	HeartbeatTimeout   time.Duration // default 500 ms
	ElectionTimeout    time.Duration // default 500 ms
	LeaderLeaseTimeout time.Duration // default 250 ms

	SegmentBytes   int64
	Flush          commitlog.Flush
	FlushInterval  time.Duration
	TailCacheBytes int64
	ReserveBytes   int64
	// ScrubRate is how many bytes a second of the sealed segments are read and verified in the background; 0: none.
	ScrubRate int64

	// EntryBytesMax (1 MiB), EntriesInFlight (2) and QueueBytesMax (64 MiB) bound the proposer (design D7).
	EntryBytesMax   int
	EntriesInFlight int
	QueueBytesMax   int64

	// GroupTime returns the group's clock in ms for the envelope of the batch being closed (design D16); nil means 0.
	GroupTime func() int64

	Applier Applier
	// OnStream serves a stream that another member opened with OpenStream. It owns conn.
	OnStream func(from ServerID, conn net.Conn)
	Logger   hclog.Logger
}

// EnsureDefaults fills zero values in place.
func (o *Options) EnsureDefaults() {
	if o.RealDir == "" {
		o.RealDir = o.Dir
	}
	if o.HeartbeatTimeout == 0 {
		o.HeartbeatTimeout = 500 * time.Millisecond
	}
	if o.ElectionTimeout == 0 {
		o.ElectionTimeout = o.HeartbeatTimeout
	}
	if o.LeaderLeaseTimeout == 0 {
		o.LeaderLeaseTimeout = o.HeartbeatTimeout / 2
	}
	if o.EntryBytesMax == 0 {
		o.EntryBytesMax = 1 << 20
	}
	if o.EntriesInFlight == 0 {
		o.EntriesInFlight = 2
	}
	if o.QueueBytesMax == 0 {
		o.QueueBytesMax = 64 << 20
	}
	if o.GroupTime == nil {
		o.GroupTime = func() int64 { return 0 }
	}
	if o.Dial == nil {
		dialer := &net.Dialer{}
		o.Dial = func(ctx context.Context, addr string) (net.Conn, error) { return dialer.DialContext(ctx, "tcp", addr) }
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
}

// Validate returns every problem at once.
func (o *Options) Validate() error {
	var errs []error
	require := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	require(o.FS != nil, "no file system")
	require(o.Dir != "", "no directory")
	require(o.Applier != nil, "no applier")
	require(validName(o.Name), "member name %q: 1 to 64 letters, digits, dots, dashes and underscores", o.Name)
	require(o.Group != "" && len(o.Group) <= nameBytesMax, "group name %q: 1 to %d bytes", o.Group, nameBytesMax)
	seen := map[string]bool{}
	for _, p := range o.Peers {
		require(validName(p.Name), "peer name %q: 1 to 64 letters, digits, dots, dashes and underscores", p.Name)
		require(!seen[p.Name], "peer %q is listed twice", p.Name)
		seen[p.Name] = true
	}
	require(o.Listener != nil, "no listener")
	if o.Listener != nil {
		require(len(o.Secret) > 0 || o.Insecure || loopback(o.Listener.Addr()),
			"the Raft listener %s is open to other hosts without a secret; set one, or insecure = true", o.Listener.Addr())
	}
	require(o.LeaderLeaseTimeout <= o.HeartbeatTimeout, "lease timeout %v is longer than heartbeat timeout %v", o.LeaderLeaseTimeout, o.HeartbeatTimeout)
	require(o.ElectionTimeout >= o.HeartbeatTimeout, "election timeout %v is shorter than heartbeat timeout %v", o.ElectionTimeout, o.HeartbeatTimeout)
	require(o.EntriesInFlight > 0 && o.EntriesInFlight <= maxAppendEntries, "%d entries in flight: 1 to %d", o.EntriesInFlight, maxAppendEntries)
	require(o.EntryBytesMax > 0 && o.EntryBytesMax <= appendBytesMax, "entries of %d bytes: 1 to %d", o.EntryBytesMax, appendBytesMax)
	return errors.Join(errs...)
}

const nameBytesMax = 127

// validName keeps names usable as file names and within a server id (name@instance).
func validName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return s[0] != '.'
}

func loopback(a net.Addr) bool {
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// unspecified reports whether a listens on every interface, which tells nobody where to dial.
func unspecified(a string) bool {
	host, _, err := net.SplitHostPort(a)
	if err != nil {
		return true
	}
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}
