//go:build linux

package cluster

import (
	"math/rand/v2"
	"net/netip"
	"os"
	"sync"
	"time"
)

// Link says what happens to packets in one direction between two hosts. The zero Link carries them at once.
type Link struct {
	Cut    bool
	Delay  time.Duration
	Jitter time.Duration // up to so much more; packets may overtake each other
	Loss   float64       // share of packets that vanish, 0 to 1
}

// Network carries IPv4 packets between the TUN devices of hosts.
type Network struct {
	done sync.WaitGroup

	mu struct {
		sync.RWMutex
		rand  *rand.Rand
		hosts map[netip.Addr]*Host
		links map[[2]netip.Addr]Link // from, to; what is not there is the zero Link
	}
}

func newNetwork(seed uint64) *Network {
	n := &Network{}
	n.mu.rand = rand.New(rand.NewPCG(seed, 1))
	n.mu.hosts = map[netip.Addr]*Host{}
	n.mu.links = map[[2]netip.Addr]Link{}
	return n
}

// attach begins to carry h's packets, until h is closed.
func (n *Network) attach(h *Host) {
	n.mu.Lock()
	n.mu.hosts[h.Addr] = h
	n.mu.Unlock()
	n.done.Go(func() { n.carry(h) })
}

// wait returns when all hosts that were attached are closed.
func (n *Network) wait() { n.done.Wait() }

// Set changes the link from one host to another, one way.
func (n *Network) Set(from, to *Host, l Link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.mu.links[[2]netip.Addr{from.Addr, to.Addr}] = l
}

// SetBoth changes both directions.
func (n *Network) SetBoth(a, b *Host, l Link) {
	n.Set(a, b, l)
	n.Set(b, a, l)
}

// Heal makes every link the zero Link.
func (n *Network) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.mu.links)
}

// carry reads the packets that h sends.
func (n *Network) carry(h *Host) {
	buf := make([]byte, mtu+64)
	for {
		size, err := h.tun.Read(buf)
		if err != nil {
			return
		}
		packet := buf[:size]
		to, delay := n.route(h, packet)
		switch {
		case to == nil:
		case delay == 0:
			deliver(to, packet)
		default:
			late := append([]byte(nil), packet...)
			time.AfterFunc(delay, func() { deliver(to, late) })
		}
	}
}

// route says where a packet goes and after what time; nil: nowhere.
func (n *Network) route(from *Host, packet []byte) (*os.File, time.Duration) {
	const headerSize, destinationAt = 20, 16
	if len(packet) < headerSize || packet[0]>>4 != 4 {
		return nil, 0 // IPv6 looks for routers that are not here
	}
	addr := netip.AddrFrom4([4]byte(packet[destinationAt:headerSize]))
	n.mu.RLock()
	to, l := n.mu.hosts[addr], n.mu.links[[2]netip.Addr{from.Addr, addr}]
	n.mu.RUnlock()
	if to == nil || l.Cut {
		return nil, 0
	}
	if l.Loss == 0 && l.Jitter == 0 {
		return to.tun, l.Delay
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.mu.rand.Float64() < l.Loss {
		return nil, 0
	}
	if l.Jitter > 0 {
		l.Delay += time.Duration(n.mu.rand.Int64N(int64(l.Jitter)))
	}
	return to.tun, l.Delay
}

// deliver gives a packet to a host; one that is closed or has no room loses it.
func deliver(to *os.File, packet []byte) { to.Write(packet) }
