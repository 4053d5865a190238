package state

import (
	"encoding/binary"
	"time"

	"github.com/raftmq/raftmq/raftlog/commitlog"
)

// LockedQueue is a queue that an orderly consumer wants for itself.
type LockedQueue struct {
	Topic string
	Queue int32
}

// A list of queues:
//
//	0  u32  count
//	4  count × string topic, i32 queue id
func appendLockedQueues(dst []byte, queues []LockedQueue) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(queues)))
	for i := range queues {
		dst = appendString(dst, queues[i].Topic)
		dst = binary.BigEndian.AppendUint32(dst, uint32(queues[i].Queue))
	}
	return dst
}

// lockedQueueMin is the size of a queue whose topic has a name of one byte.
const lockedQueueMin = 2 + 1 + 4

func (r *reader) lockedQueues() []LockedQueue {
	n := r.uint32()
	if uint64(n)*lockedQueueMin > uint64(len(r.src)) {
		r.bad = true
		return nil
	}
	queues := make([]LockedQueue, n)
	for i := range queues {
		queues[i] = LockedQueue{Topic: string(r.name()), Queue: r.int32()}
	}
	return queues
}

// LockQueues, kind 13:
//
//	string  group
//	string  client id
//	u32     lease, ms of group time
//	list of queues

// AppendLockQueues gives a client of a group those of the queues that are free, its own, or whose lease is over, until lease from now in group
// time (design D16). Always OK; Detail is a []bool, true for each queue that the client has. A queue that does not exist is not given.
func AppendLockQueues(dst []byte, group, client string, lease time.Duration, queues []LockedQueue) []byte {
	dst, start := commitlog.BeginSubRecord(dst, uint8(KindLockQueues), kindVersion, 0)
	dst = appendString(dst, group)
	dst = appendString(dst, client)
	dst = binary.BigEndian.AppendUint32(dst, uint32(lease.Milliseconds()))
	dst = appendLockedQueues(dst, queues)
	commitlog.FinishSubRecord(dst, start)
	return dst
}

// lockPayload is a decoded LockQueues or UnlockQueues.
type lockPayload struct {
	group, client string
	lease         int64 // ms
	queues        []LockedQueue
}

func decodeLockQueues(b []byte) (p lockPayload, ok bool) {
	r := reader{src: b}
	p.group, p.client, p.lease = string(r.name()), string(r.name()), int64(r.uint32())
	p.queues = r.lockedQueues()
	return p, r.ok()
}

// UnlockQueues, kind 14:
//
//	string  group
//	string  client id
//	list of queues; none are all of them

// AppendUnlockQueues frees those of the queues that a client of a group has; without queues, all that it has. Always OK.
func AppendUnlockQueues(dst []byte, group, client string, queues []LockedQueue) []byte {
	dst, start := commitlog.BeginSubRecord(dst, uint8(KindUnlockQueues), kindVersion, 0)
	dst = appendString(dst, group)
	dst = appendString(dst, client)
	dst = appendLockedQueues(dst, queues)
	commitlog.FinishSubRecord(dst, start)
	return dst
}

func decodeUnlockQueues(b []byte) (p lockPayload, ok bool) {
	r := reader{src: b}
	p.group, p.client = string(r.name()), string(r.name())
	p.queues = r.lockedQueues()
	return p, r.ok()
}
