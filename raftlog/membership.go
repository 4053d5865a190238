package raftlog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/raft"

	"github.com/raftmq/raftmq/internal/offset"
)

const catchUpCheck = 20 * time.Millisecond

// leading returns the raft instance if this member leads.
func (n *Node) leading() (*instance, error) {
	in := n.running()
	if in == nil || in.raft.State() != raft.Leader {
		return nil, ErrNotLeader
	}
	return in, nil
}

// member finds a server by name or by full id.
func (in *instance) member(nameOrID string) (raft.Server, error) {
	var found []raft.Server
	for _, s := range in.servers() {
		if string(s.ID) == nameOrID || ServerID(s.ID).Name() == nameOrID {
			found = append(found, s)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return raft.Server{}, fmt.Errorf("%w: %s", ErrNoMember, nameOrID)
	}
	var ids []string
	for _, s := range found {
		ids = append(ids, string(s.ID))
	}
	return raft.Server{}, fmt.Errorf("%w: %s is one of %s", ErrNoMember, nameOrID, strings.Join(ids, ", "))
}

// TransferLeadership hands leadership to the named member, or to the most advanced voter if name is empty. It returns when
// this member no longer leads, or with the reason why it still does. Proposals are refused meanwhile.
func (n *Node) TransferLeadership(ctx context.Context, name string) error {
	in, err := n.leading()
	if err != nil {
		return err
	}
	to, err := n.successor(in, name)
	if err != nil {
		return err
	}
	if ServerID(to.ID) == n.ID() {
		return nil
	}
	defer n.lease.suspend()()
	n.logger.Info("handing leadership over", "to", to.ID)
	return wait(ctx, in.raft.LeadershipTransferToServer(to.ID, to.Address))
}

// Decline has this member refuse leadership that is handed to it from now on, and leave elections to the others as long as they hold
// any: it is about to stop. It still votes, and still stands when raft's timer says so.
func (n *Node) Decline() { n.declines.Store(true) }

// successor is the named member, or the voter whose log reaches furthest among those that can be reached.
func (n *Node) successor(in *instance, name string) (raft.Server, error) {
	if name != "" {
		s, err := in.member(name)
		if err == nil && s.Suffrage != raft.Voter {
			err = fmt.Errorf("%w: %s has no vote", ErrNoMember, s.ID)
		}
		return s, err
	}
	var best raft.Server
	var bestMatch offset.Index
	term := in.raft.CurrentTerm()
	for _, s := range in.servers() {
		id := ServerID(s.ID)
		if s.Suffrage != raft.Voter || id == n.ID() || n.net.peer(id).unreachable() != nil {
			continue
		}
		if match, _, _ := n.net.peer(id).progress(term); best.ID == "" || match > bestMatch {
			best, bestMatch = s, match
		}
	}
	if best.ID == "" {
		return best, fmt.Errorf("%w: no other voter can be reached", ErrNoMember)
	}
	return best, nil
}

// wait waits for a future of raft's, or for the end of ctx. Every future waited for here is answered in bounded time.
func wait(ctx context.Context, f raft.Future) error {
	done := make(chan error, 1)
	go func() { done <- f.Error() }()
	select {
	case err := <-done:
		return administrationError(err)
	case <-ctx.Done():
		return ctx.Err()
	}
}

func administrationError(err error) error {
	if errors.Is(err, raft.ErrNotLeader) {
		return ErrNotLeader
	}
	return err
}

// AddMember adds the instance that answers at addr as a non-voter and promotes it once it has caught up, if voter. It returns when
// the change is committed (non-voter) or the promotion is. A member of the same name stays: it is removed when the new one
// votes (add before remove).
func (n *Node) AddMember(ctx context.Context, name, addr string, voter bool) error {
	in, err := n.leading()
	if err != nil {
		return err
	}
	id, err := n.recruit(ctx, name, addr)
	if err != nil {
		return fmt.Errorf("member %s at %s: %w", name, addr, err)
	}
	server := id.server(raft.Nonvoter)
	if s, err := in.member(string(id)); err == nil && s.Suffrage == raft.Voter {
		return nil
	} else if err != nil {
		n.logger.Info("adding member", "member", id, "address", addr)
		if err := wait(ctx, in.raft.AddNonvoter(server.ID, server.Address, 0, changeTimeout(ctx))); err != nil {
			return err
		}
	}
	if !voter {
		return nil
	}
	if err := n.caughtUp(ctx, in, id); err != nil {
		return fmt.Errorf("member %s was added and has no vote yet: %w", id, err)
	}
	n.logger.Info("member has caught up, giving it a vote", "member", id)
	return wait(ctx, in.raft.AddVoter(server.ID, server.Address, 0, changeTimeout(ctx)))
}

// recruit finds out who answers at addr and hands it this group if it has none.
func (n *Node) recruit(ctx context.Context, name, addr string) (ServerID, error) {
	self := n.dir.identity()
	a, err := n.net.probe(ctx, Peer{Name: name, Address: addr})
	if err != nil {
		return "", err
	}
	switch {
	case a.uuid == self.group():
	case !a.empty:
		return "", errors.New("it is a member of another group")
	default:
		if err := n.net.assign(ctx, addr, a.id, assignment{uuid: self.group(), listHash: self.ListHash}); err != nil {
			return "", err
		}
	}
	return a.id, n.net.book.learn(a.id, addr)
}

// caughtUp waits until the member holds everything that was committed when last looked at.
func (n *Node) caughtUp(ctx context.Context, in *instance, id ServerID) error {
	tick := time.NewTicker(catchUpCheck)
	defer tick.Stop()
	for {
		if in.raft.State() != raft.Leader {
			return ErrNotLeader
		}
		match, _, _ := n.net.peer(id).progress(in.raft.CurrentTerm())
		if commit := offset.Index(in.raft.CommitIndex()); match > 0 && match+catchUpSlack >= commit {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-n.done:
			return ErrStopped
		}
	}
}

// catchUpSlack is how many entries a member may be behind and count as caught up: under load it is always a few behind.
const catchUpSlack = 16

// changeTimeout is how long a change of membership may wait for raft's main loop.
func changeTimeout(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return max(time.Until(deadline), time.Millisecond)
	}
	return time.Minute
}

// RemoveMember removes a member by name or by full ServerID.
func (n *Node) RemoveMember(ctx context.Context, member string) error {
	return n.changeMember(ctx, member, func(in *instance, s raft.Server) raft.Future {
		n.logger.Info("removing member", "member", s.ID)
		return in.raft.RemoveServer(s.ID, 0, changeTimeout(ctx))
	})
}

// DemoteMember makes a voter a non-voter.
func (n *Node) DemoteMember(ctx context.Context, member string) error {
	return n.changeMember(ctx, member, func(in *instance, s raft.Server) raft.Future {
		n.logger.Info("demoting member", "member", s.ID)
		return in.raft.DemoteVoter(s.ID, 0, changeTimeout(ctx))
	})
}

func (n *Node) changeMember(ctx context.Context, member string, change func(*instance, raft.Server) raft.Future) error {
	in, err := n.leading()
	if err != nil {
		return err
	}
	s, err := in.member(member)
	if err != nil {
		return err
	}
	return wait(ctx, change(in, s))
}
