package raftlog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

const (
	joinInterval = 100 * time.Millisecond // between two rounds of asking the listed members
	joinLog      = 10 * time.Second       // between two lines that say what a member waits for
)

// join returns when this member has a group: because it is the first of its list and founded it, or because it was handed
// one (design D14). Exactly one member of a list founds: the first, when all others are reachable, empty and agree on the
// list. Everyone else waits. It returns nil without a group only if ctx has ended.
func (n *Node) join(ctx context.Context) error {
	first := len(n.opts.Peers) > 0 && n.opts.Peers[0].Name == n.opts.Name
	tick := time.NewTicker(joinInterval)
	defer tick.Stop()
	var said string
	var saidAt time.Time
	for {
		founded, why, err := n.tryJoin(ctx, first)
		if err != nil || founded {
			n.waiting.Store(nil)
			return err
		}
		n.waiting.Store(&why)
		if why != said || time.Since(saidAt) >= joinLog {
			n.logger.Info("waiting for a group", "group", n.opts.Group, "member", n.ID(), "reason", why)
			said, saidAt = why, time.Now()
		}
		select {
		case <-tick.C:
		case <-n.assigns:
		case <-ctx.Done():
			return nil
		case <-n.failed:
			return n.failure
		}
	}
}

// tryJoin makes one attempt. why says what is missing.
func (n *Node) tryJoin(ctx context.Context, first bool) (joined bool, why string, err error) {
	id := n.dir.identity()
	if id.hasGroup() && !id.Founding {
		return true, "", nil
	}
	seen, why := n.probeList(ctx)
	if why != "" {
		return false, why, nil
	}
	if !first {
		return false, "the first of the list founds the group", nil
	}
	if err := n.handOut(ctx, seen); err != nil {
		return false, err.Error(), ctx.Err()
	}
	return true, "", nil
}

// probeList asks every other listed member. why is not empty unless all are reachable, empty and agree on the list.
func (n *Node) probeList(ctx context.Context) (seen map[string]probeAnswer, why string) {
	own := listHash(n.opts.Peers)
	seen = map[string]probeAnswer{}
	for _, p := range n.opts.Peers {
		if p.Name == n.opts.Name {
			continue
		}
		a, err := n.net.probe(ctx, p)
		switch {
		case err != nil:
			why = fmt.Sprintf("member %s is not reachable: %v", p.Name, err)
		case !a.empty:
			return nil, fmt.Sprintf("member %s is in a group already; this member is %s and waits to be added: raftmq raft rejoin, or raft add-peer", p.Name, n.ID())
		case a.listHash != own:
			why = fmt.Sprintf("member %s has another list of members", p.Name)
		default:
			seen[p.Name] = a
		}
	}
	if why == "" && len(n.opts.Peers) == 0 {
		why = "no members are listed; it waits to be added"
	}
	return seen, why
}

// handOut makes the group's identity durable here and then on every other member, which remembers it before its raft starts.
// Interrupted, it is repeated with the same identity.
func (n *Node) handOut(ctx context.Context, seen map[string]probeAnswer) error {
	if err := n.dir.update(n.foundGroup); err != nil {
		return err
	}
	id := n.dir.identity()
	var ids []ServerID
	for _, p := range n.opts.Peers {
		if p.Name == n.opts.Name {
			continue
		}
		if err := n.net.assign(ctx, p.Address, seen[p.Name].id, assignment{uuid: id.group(), listHash: id.ListHash}); err != nil {
			return fmt.Errorf("member %s did not take the group: %w", p.Name, err)
		}
		ids = append(ids, seen[p.Name].id)
	}
	return n.dir.update(func(i *identity) error {
		i.Founders = append(ids, i.serverID())
		return nil
	})
}

// foundGroup gives an identity a new group, which it is to bootstrap, unless it is founding one already.
func (n *Node) foundGroup(id *identity) error {
	if id.hasGroup() {
		if !id.Founding {
			return errors.New("this member was handed a group meanwhile")
		}
		return nil
	}
	id.UUID, id.ListHash, id.Founding = newUUID(), listHash(n.opts.Peers), true
	if len(n.opts.Peers) == 1 {
		id.Founders = []ServerID{id.serverID()}
	}
	return nil
}

// found writes the first entry of the group's log, the configuration, before raft starts for the first time. It does nothing
// unless this member is founding. A crash in between repeats it.
func (n *Node) found() error {
	id := n.dir.identity()
	if !id.Founding || len(id.Founders) == 0 {
		return nil
	}
	if n.store.log.LastIndex() == 0 {
		if err := n.writeFirstEntry(id.Founders); err != nil {
			return fmt.Errorf("first entry: %w", err)
		}
	}
	n.founded = true
	n.logger.Info("founded the group", "group", n.opts.Group, "members", id.Founders)
	return n.dir.update(func(i *identity) error {
		i.Founding, i.Founders = false, nil
		return nil
	})
}

func (n *Node) writeFirstEntry(members []ServerID) error {
	var c raft.Configuration
	for _, m := range members {
		c.Servers = append(c.Servers, m.server(raft.Voter))
	}
	c.Servers = inMemberOrder(c.Servers)
	if err := n.store.stable.SetUint64([]byte(keyTerm), 1); err != nil {
		return err
	}
	return n.store.log.Append([]commitlog.Entry{{Index: 1, Term: offset.Term(1), Type: uint8(raft.LogConfiguration), AppendedAt: time.Now(), Data: raft.EncodeConfiguration(c)}})
}

// accept takes the group that another member hands out. A member has one group for life.
func (n *Node) accept(a assignment) error {
	if id := n.dir.identity(); id.hasGroup() && id.group() == a.uuid {
		return nil
	}
	err := n.dir.update(func(i *identity) error {
		if i.hasGroup() {
			return errors.New("it has another group already")
		}
		i.UUID, i.ListHash = hexUUID(a.uuid), a.listHash
		return nil
	})
	if err != nil {
		return err
	}
	select {
	case n.assigns <- struct{}{}:
	default:
	}
	return nil
}

// empty reports whether this member has no group, or has been handed one and holds nothing of it yet.
func (n *Node) empty() bool {
	id := n.dir.identity()
	return !id.hasGroup() || id.Founding || n.isOpen() && n.store.log.LastIndex() == 0
}

// announce tells the other members where this one is and opens the connections of an election ahead.
func (n *Node) announce(ctx context.Context) {
	in := n.running()
	if in == nil {
		return
	}
	for _, p := range n.opts.Peers {
		for _, s := range in.servers() {
			if id := ServerID(s.ID); id.Name() == p.Name && id != n.ID() && ctx.Err() == nil {
				in.trans.warm(id)
			}
		}
	}
}
