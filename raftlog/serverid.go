package raftlog

import (
	"encoding/hex"
	"slices"
	"strings"

	"github.com/hashicorp/raft"

	"github.com/raftmq/raftmq/raftlog/commitlog"
)

// ServerID is "name@instance": an address is never an identity (design D14). It is both raft.ServerID and
// raft.ServerAddress.
type ServerID string

// Name is the part before the @.
func (id ServerID) Name() string {
	name, _, _ := strings.Cut(string(id), "@")
	return name
}

const instanceDigits = 12 // hex digits of the instance in a ServerID: 48 random bits

func newServerID(name string, instance commitlog.UUID) ServerID {
	return ServerID(name + "@" + hex.EncodeToString(instance[:])[:instanceDigits])
}

func (id ServerID) server(suffrage raft.ServerSuffrage) raft.Server {
	return raft.Server{Suffrage: suffrage, ID: raft.ServerID(id), Address: raft.ServerAddress(id)}
}

// inMemberOrder returns the servers sorted by id: the order in which followers are numbered and in which they stand for
// election when the leader's process died. It is the same on every member.
func inMemberOrder(servers []raft.Server) []raft.Server {
	sorted := slices.Clone(servers)
	slices.SortFunc(sorted, func(a, b raft.Server) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return sorted
}
