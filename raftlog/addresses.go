package raftlog

import "slices"

// addressBook resolves members to addresses (design D14): an address is never an identity, and the handshake tells whether
// the right instance answers there.
type addressBook struct {
	opts *Options
	dir  *directory
}

// candidates are the addresses at which a member may be found, best first: where it was reached last, what the configuration
// says of its name, where it said it is or was added, what Resolve says. Another instance that answers at one of them is
// found out by the handshake, and the next is tried.
func (b *addressBook) candidates(id ServerID, lastGood string) []string {
	var found []string
	add := func(addr string) {
		if addr != "" && !slices.Contains(found, addr) {
			found = append(found, addr)
		}
	}
	add(lastGood)
	add(b.configured(id.Name()))
	add(b.dir.identity().Addresses[id])
	if b.opts.Resolve != nil {
		if addr, ok := b.opts.Resolve(id.Name()); ok {
			add(addr)
		}
	}
	return found
}

func (b *addressBook) configured(name string) string {
	for _, p := range b.opts.Peers {
		if p.Name == name {
			return p.Address
		}
	}
	return ""
}

// own is what this member says of its own address: the configured one, else the listener's unless that is every interface.
func (b *addressBook) own() string {
	if addr := b.configured(b.opts.Name); addr != "" {
		return addr
	}
	a := b.opts.Listener.Addr().String()
	if unspecified(a) {
		return ""
	}
	return a
}

const learnedMax = 64 // members whose address is kept although no configuration names it

// learn remembers where a member is, durably, if no configuration says the same.
func (b *addressBook) learn(id ServerID, addr string) error {
	known := b.dir.identity().Addresses
	if addr == "" || known[id] == addr || known[id] == "" && b.configured(id.Name()) == addr {
		return nil
	}
	if known[id] == "" && len(known) >= learnedMax {
		return nil
	}
	return b.dir.update(func(i *identity) error {
		if i.Addresses == nil {
			i.Addresses = map[ServerID]string{}
		}
		i.Addresses[id] = addr
		return nil
	})
}
