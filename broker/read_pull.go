package broker

import (
	"errors"
	"slices"

	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog/commitlog"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// Limits of one pull (MessageStoreConfig): more while the messages are recent, less when they must come from disk.
const (
	hotMessages  = 32
	hotBytes     = 256 << 10
	coldMessages = 8
	coldBytes    = 64 << 10
	scanUnits    = 800 // units looked at for a filter
	scanChunk    = 128
)

// pullStatus is what a read found, with its remark and response code on a leader (PullMessageProcessor#composeResponseHeader).
type pullStatus struct {
	remark string
	code   int32
	// corrects: nextBeginOffset differs from what was asked because the offset is not in our queue; a follower keeps the client's.
	corrects bool
	// moves: the reading goes on from another offset, so there is no point in waiting.
	moves bool
}

var (
	statusFound           = pullStatus{remark: protocol.PullFound, code: protocol.Success, moves: true}
	statusNoMatch         = pullStatus{remark: protocol.PullNoMatchedMessage, code: protocol.PullRetryImmediately, moves: true}
	statusRemoving        = pullStatus{remark: protocol.PullMessageWasRemoving, code: protocol.PullRetryImmediately, corrects: true}
	statusAtEnd           = pullStatus{remark: protocol.PullOffsetOverflowOne, code: protocol.PullNotFound}
	statusBeyondEnd       = pullStatus{remark: protocol.PullOffsetOverflowBadly, code: protocol.PullOffsetMoved, corrects: true}
	statusTooSmall        = pullStatus{remark: protocol.PullOffsetTooSmall, code: protocol.PullOffsetMoved, corrects: true}
	statusEmpty           = pullStatus{remark: protocol.PullNoMessageInQueue, code: protocol.PullNotFound, corrects: true}
	statusEmptyAndAskedOn = pullStatus{remark: protocol.PullNoMessageInQueue, code: protocol.PullOffsetMoved, corrects: true}
	statusReset           = pullStatus{remark: protocol.PullOffsetReset, code: protocol.PullOffsetMoved}
	statusHome            = pullStatus{remark: protocol.PullOffsetOverflowOne, code: protocol.PullRetryImmediately, corrects: true}
)

// pullResult is what a pull is answered with.
type pullResult struct {
	status   pullStatus
	next     offset.Queue
	held     offset.Range
	body     []byte
	count    int
	lastRead offset.Physical // of the last unit looked at
	err      error
}

// homeResult sends the client to the leader with the offset it came with.
func homeResult(q *pull) pullResult {
	return pullResult{status: statusHome, next: q.from, held: offset.Range{Max: q.from}}
}

// read reads for q, which was checked (behaviours.md section 5).
func (p *puller) read(q *pull) pullResult {
	if !q.leads && p.replicas.view().stale {
		return homeResult(q)
	}
	res := pullResult{held: p.state.Range(q.key)}
	switch from := q.from; {
	case res.held.Max == 0:
		res.status, res.next = statusEmpty, 0
		if from != 0 {
			res.status = statusEmptyAndAskedOn
		}
	case from < res.held.Min:
		res.status, res.next = statusTooSmall, res.held.Min
	case from == res.held.Max:
		res.status, res.next = statusAtEnd, from
	case from > res.held.Max:
		res.status, res.next = statusBeyondEnd, res.held.Max
	default:
		p.scan(q, &res)
	}
	return res
}

func (p *puller) unitBuffer() *[]consumequeue.Unit {
	if buf, ok := p.units.Get().(*[]consumequeue.Unit); ok {
		return buf
	}
	buf := make([]consumequeue.Unit, 0, scanChunk)
	return &buf
}

// scan reads messages from q.from on, which lies in the queue, skipping units that the filter does not pass.
func (p *puller) scan(q *pull, res *pullResult) {
	buf := p.unitBuffer()
	defer p.units.Put(buf)
	b := batchReader{puller: p, q: q, res: res, left: q.max, bytes: hotBytes}
	res.next = q.from
	for scanned := 0; scanned < scanUnits && b.open(); {
		units, err := p.state.Units((*buf)[:0], q.key, res.next, scanChunk)
		*buf = units[:0]
		if err != nil {
			b.stop(err)
			break
		}
		if len(units) == 0 {
			break
		}
		if scanned == 0 && int64(p.replicas.view().end-units[0].Position) > p.settings.hot() {
			b.left, b.bytes = min(b.left, coldMessages), coldBytes
		}
		scanned += len(units)
		b.take(units)
	}
	switch {
	case res.err != nil:
	case res.count > 0:
		res.status = statusFound
	case res.status == pullStatus{}:
		res.status = statusNoMatch
	}
}

// batchReader fills a result up to the limits of one pull.
type batchReader struct {
	puller *puller
	q      *pull
	res    *pullResult
	left   int // messages
	bytes  int
	full   bool
}

func (b *batchReader) open() bool { return !b.full && b.left > 0 && b.res.err == nil }

// take goes through units, which begin at res.next, and reads the runs that match. Afterwards res.next is behind what was looked at.
func (b *batchReader) take(units []consumequeue.Unit) {
	for len(units) > 0 && b.open() {
		skip := slices.IndexFunc(units, func(u consumequeue.Unit) bool { return b.q.filter.passes(u.TagsCode) })
		if skip < 0 {
			skip = len(units)
		}
		b.pass(units[:skip])
		units = units[skip:]
		run := 0
		for run < len(units) && run < b.left && b.q.filter.passes(units[run].TagsCode) {
			run++
		}
		if run == 0 {
			continue
		}
		b.read(units[:run])
		units = units[run:]
	}
}

// pass moves behind units that were looked at.
func (b *batchReader) pass(units []consumequeue.Unit) {
	if len(units) == 0 {
		return
	}
	b.res.next += offset.Queue(len(units))
	b.res.lastRead = units[len(units)-1].Position
}

// read appends the messages of a run of units, as many as fit.
func (b *batchReader) read(run []consumequeue.Unit) {
	total := 0
	for i := range run {
		total += int(run[i].Size)
	}
	if len(b.res.body) > 0 && len(b.res.body)+int(run[0].Size) > b.bytes {
		b.full = true
		return
	}
	b.res.body = slices.Grow(b.res.body, min(total, max(b.bytes-len(b.res.body), int(run[0].Size))))
	body, n, err := b.puller.state.AppendMessages(b.res.body, b.q.key, b.res.next, run, b.bytes)
	if err != nil {
		b.stop(err)
		return
	}
	b.res.body = body
	b.res.count += n
	b.left -= n
	b.full = n < len(run)
	b.pass(run[:n])
}

// stop ends the reading. What retention removed meanwhile is not an error; what was read before a damaged record is still delivered.
func (b *batchReader) stop(err error) {
	b.full = true
	switch {
	case b.res.count > 0:
	case errors.Is(err, consumequeue.ErrOutOfRange), errors.Is(err, commitlog.ErrNotFound):
		b.res.held = b.puller.state.Range(b.q.key)
		b.res.status, b.res.next = statusRemoving, max(b.res.next, b.res.held.Min)
	case errors.Is(err, commitlog.ErrCorrupt) && !b.q.leads: // another copy has it (R-L6)
		*b.res = homeResult(b.q)
	default:
		b.res.err = err
	}
}
