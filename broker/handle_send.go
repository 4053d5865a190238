package broker

import (
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/message"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// Sending: 10 SEND_MESSAGE, 310 SEND_MESSAGE_V2, 320 SEND_BATCH_MESSAGE.
//
// Source: SendMessageProcessor, AbstractSendMessageProcessor; order of checks: behaviours.md section 2. Differences: success means that the
// entry is on a majority's disks and applied, so 10, 11 and 12 are never answered; transactions and arbitrary delays are refused
// until they exist.

const defaultRegion = "DefaultRegion"

// batchMax is the number of messages in one batch.
const batchMax = 8192

// sender serves sends.
type sender struct {
	state      *state.State
	proposer   proposer
	clock      *storeClock
	gate       *gate
	topics     *topicMaker
	host       func() netip.AddrPort // our advertised address
	added      addedProperties
	orderly    func(group string) bool // some client of the group has queue locks
	delays     message.DelayLevels
	settings   *settings
	advertised string
	metrics    *metrics

	ids    message.UniqueIDs
	spread atomic.Uint32 // picks queues for producers that leave it to us
	ops    sync.Pool
}

// sendErrorFields are on every answer to a send (SendMessageProcessor#buildMsgContext).
func sendErrorFields(*request) protocol.Fields {
	return protocol.Fields{{Key: message.PropertyRegion, Value: defaultRegion}, {Key: message.PropertyTraceOn, Value: "true"}}
}

// sendOp is one send on its way. It is the completion of its proposal and goes back to the pool when answered.
type sendOp struct {
	sender *sender
	r      *request
	header protocol.SendMessageHeader

	topic *state.Topic
	delay int64 // ms; the message then goes to the schedule topic
	m     message.Message
	sent  sentProperties      // of the single message
	batch []message.BatchPart // nil for a single message
	keys  []uint32

	buf  []byte
	resp remoting.Command
	ext  [6]protocol.Field
}

func (s *sender) serve(r *request) error {
	op, _ := s.ops.Get().(*sendOp)
	if op == nil {
		op = &sendOp{}
	}
	op.sender, op.r = s, r
	waits, err := s.prepare(op)
	if err != nil || waits {
		s.release(op)
		return err
	}
	size := len(r.Body) + len(op.m.Properties) + 256
	// From here on op belongs to its completion, unless Propose returns an error.
	if err := s.clock.propose(size, op.encode, op.propose); err != nil {
		s.release(op)
		return err
	}
	return nil
}

// keptBytes is the largest buffer that goes back to the pool.
const keptBytes = 256 << 10

func (s *sender) release(op *sendOp) {
	buf := op.buf
	if cap(buf) > keptBytes {
		buf = nil
	}
	*op = sendOp{buf: buf[:0], keys: op.keys[:0]}
	s.ops.Put(op)
}

// encode writes the sub-records with their store timestamp.
func (op *sendOp) encode(timestamp int64) {
	op.buf = op.buf[:0]
	op.m.StoreTimestamp = timestamp
	if op.batch == nil {
		code := timestamp + op.delay
		if op.delay == 0 {
			code = message.TagsCode(op.sent.tags)
		}
		op.keys = appendHashes(op.keys[:0], op.m.Topic, op.sent.unique, op.sent.keys)
		op.buf = state.AppendMessage(op.buf, op.topic.ID, code, op.keys, &op.m)
		return
	}
	for i := range op.batch {
		part := &op.batch[i]
		op.m.Flag, op.m.Properties, op.m.Body = part.Flag, part.Properties, part.Body
		op.keys = appendKeyHashes(op.keys[:0], op.m.Topic, part.Properties)
		op.buf = state.AppendMessage(op.buf, op.topic.ID, tagsCode(part.Properties), op.keys, &op.m)
	}
}

func (op *sendOp) count() int {
	if op.batch == nil {
		return 1
	}
	return len(op.batch)
}

func (op *sendOp) propose() error { return op.sender.proposer.Propose(op.buf, op.count(), op) }

// Done answers the send. It runs on a goroutine of the Node.
func (op *sendOp) Done(o raftlog.Outcome) {
	s, r := op.sender, op.r
	defer s.release(op)
	if o.Err != nil {
		s.gate.settle(r, o.Err)
		return
	}
	for i := range o.Results {
		if err := resultError(o.Results[i]); err != nil {
			r.fail(err)
			return
		}
	}
	s.metrics.sent(op.count(), len(r.Body), time.Since(r.Received))
	op.reply(o.Results)
	r.Recycle() // its body has been copied into the log, and a send that was proposed waits nowhere else
}

func (op *sendOp) reply(results []raftlog.Result) {
	host := op.m.StoreHost
	id := message.OffsetID(host, results[0].Position)
	if len(results) > 1 {
		ids := make([]byte, 0, len(results)*(len(id)+1))
		ids = append(ids, id...)
		for i := range results[1:] {
			ids = append(ids, ',')
			ids = append(ids, message.OffsetID(host, results[i+1].Position)...)
		}
		id = string(ids)
	}
	ext := append(protocol.Fields(op.ext[:0]),
		protocol.Field{Key: "msgId", Value: id},
		protocol.Field{Key: "queueId", Value: strconv.Itoa(int(op.header.QueueID))},
		protocol.Field{Key: "queueOffset", Value: strconv.FormatInt(int64(results[0].Queue), 10)},
		protocol.Field{Key: message.PropertyRegion, Value: defaultRegion},
		protocol.Field{Key: message.PropertyTraceOn, Value: "true"})
	if op.sent.unique != "" {
		ext = append(ext, protocol.Field{Key: "transactionId", Value: op.sent.unique})
	}
	op.resp = remoting.Command{Code: protocol.Success, Ext: ext}
	op.r.Reply(&op.resp)
}
