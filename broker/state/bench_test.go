package state

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog"
)

// BenchmarkApply applies entries of 1 MiB with messages of 1 KiB, without log and disk: ns/message is what Apply costs.
func BenchmarkApply(b *testing.B) {
	for _, queues := range []int32{8, 1000} {
		b.Run(fmt.Sprintf("queues=%d", queues), func(b *testing.B) {
			m := newMachine(&countedQueues{next: map[consumequeue.Key]offset.Queue{}})
			m.setTopic(&Topic{ID: 1, Name: "T", ReadQueues: queues, WriteQueues: queues})
			data, n := bigBatch(queues)
			var out changes
			messages := 0
			b.SetBytes(int64(len(data)))
			for i := offset.Index(1); b.Loop(); i++ {
				out.reset()
				if _, err := m.apply(&raftlog.Committed{Index: i, Term: 1, Position: offset.Physical(i) << 21, Data: data}, &out); err != nil {
					b.Fatal(err)
				}
				messages += n
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(messages), "ns/message")
		})
	}
}

// BenchmarkApplyToQueues is BenchmarkApply through State and consume queues, which write to files beside it.
func BenchmarkApplyToQueues(b *testing.B) {
	m := newMember(b, func(o *Options) { o.Queues = consumequeue.Options{}; o.CheckpointBytes = 1 << 50 })
	topic := m.createTopic("T", 8)
	data, n := bigBatch(8)
	messages := 0
	entries := make([]raftlog.Committed, 1)
	b.SetBytes(int64(len(data)))
	for i := topic.ID + 1; b.Loop(); i++ {
		entries[0] = raftlog.Committed{Index: offset.Index(i), Term: 1, Position: offset.Physical(i) << 21, Data: data}
		m.state.Apply(entries)
		messages += n
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(messages), "ns/message")
}

// bigBatch is an entry of 1 MiB with messages of 1 KiB over the queues of topic 1.
func bigBatch(queues int32) (data []byte, messages int) {
	body := strings.Repeat("x", 1024)
	var subs [][]byte
	for size := 0; size < 1<<20; messages++ {
		sub := send(1, int32(messages)%queues, 1, body)
		size += len(sub)
		subs = append(subs, sub)
	}
	return batch(1, 1, subs...), messages
}

// countedQueues count and store nothing.
type countedQueues struct {
	noQueues
	next map[consumequeue.Key]offset.Queue
}

func (c *countedQueues) Append(k consumequeue.Key, _ consumequeue.Unit) (offset.Queue, error) {
	at := c.next[k]
	c.next[k] = at + 1
	return at, nil
}

// BenchmarkBoundary measures how long a boundary holds Apply up when 10,000 queues and 10,000 consumer offsets have changed since the last
// checkpoint: stall-ms.
func BenchmarkBoundary(b *testing.B) {
	m := newMember(b, func(o *Options) { o.Queues = consumequeue.Options{}; o.CheckpointBytes = 1 << 50 })
	topic := m.createTopic("T", 10_000)
	var sends [][]byte
	var commits []OffsetCommit
	for q := range int32(10_000) {
		sends = append(sends, send(topic.ID, q, 1, "x"))
		commits = append(commits, OffsetCommit{Group: "group", Topic: "T", Queue: q})
	}
	var stalled time.Duration
	boundaries := 0
	for i := offset.Queue(1); b.Loop(); i++ {
		for q := range commits {
			commits[q].Offset = i
		}
		m.append(append(sends, AppendCommitOffsets(nil, commits))...)
		data := batch(1, 1, AppendBoundary(nil))
		if err := m.host.log.Append([]entryOfLog{{Index: m.host.log.NextIndex(), Term: 1, Data: data}}); err != nil {
			b.Fatal(err)
		}
		c, _, err := committedAt(m.host, m.host.log.LastIndex())
		if err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		m.state.Apply([]raftlog.Committed{c})
		stalled += time.Since(began)
		boundaries++
		m.checkpoint()
	}
	b.ReportMetric(float64(stalled.Microseconds())/float64(boundaries)/1000, "stall-ms")
}
