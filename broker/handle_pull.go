package broker

import (
	"strconv"
	"sync"
	"time"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// Pulling: 11 PULL_MESSAGE, 361 LITE_PULL_MESSAGE.
//
// Source: PullMessageProcessor, DefaultMessageStore#getMessage, PullRequestHoldService; order of checks: behaviours.md sections 4 and 5.
// Differences: a member that does not lead never answers that an offset, topic, group or subscription is wrong, since it may merely not
// know yet; it answers 20 and sends the client to id 0, after a short wait, because id 0 may still be this member's own address in the
// route that the client holds.

const (
	suspendMax = 60 * time.Second
	// homeWait is how long a follower keeps a pull that it cannot serve before it sends the client to the leader.
	homeWait = time.Second
	// knowWait is how often such a pull is looked at meanwhile: what it names may be on its way, as the heartbeat of a consumer that has just
	// started is.
	knowWait = 20 * time.Millisecond
)

// puller serves pulls.
type puller struct {
	state      *state.State
	topics     *topicMaker
	clients    *clients
	offsets    *offsetGather
	gate       *gate
	replicas   *replicas
	hold       *hold
	leads      func() bool // this member leads and its lease is valid
	forward    func(r *request) bool
	settings   *settings
	advertised string
	workers    *workers
	metrics    *metrics
	units      sync.Pool // *[]consumequeue.Unit
}

// pull is a decoded pull.
type pull struct {
	header  protocol.PullMessageHeader
	from    offset.Queue
	max     int
	key     consumequeue.Key
	group   *state.Group
	topic   *state.Topic
	filter  tagFilter
	leads   bool         // we answered as the leader when it was checked last
	checked offset.Queue // units below it were seen and did not match, by a parked pull
	homeAt  time.Time    // of a refused pull: when it is sent to the leader
}

func pullErrorFields(r *request) protocol.Fields {
	next, ok := r.Ext.Get("queueOffset")
	if !ok {
		next = "0"
	}
	return protocol.Fields{{Key: "suggestWhichBrokerId", Value: "0"}, {Key: "nextBeginOffset", Value: next}, {Key: "minOffset", Value: "0"}, {Key: "maxOffset", Value: "0"}}
}

func (p *puller) serve(r *request) error {
	q := &pull{}
	if err := q.decode(r); err != nil {
		return err
	}
	q.leads = p.leads()
	if !q.leads && !p.settings.readable() && p.forward(r) {
		return nil
	}
	err := p.check(r, q)
	if err == errGroupToMake {
		return p.topics.createGroup(r, q.header.ConsumerGroup)
	}
	if err != nil {
		return p.refuse(r, q, err)
	}
	if p.redirect(r, q) {
		return nil
	}
	if q.header.SysFlag&protocol.PullCommitOffset != 0 && q.leads {
		_, generation, _ := p.state.ConsumerOffset(q.group.Name, q.topic.Name, q.key.Queue)
		p.offsets.add(state.OffsetCommit{Group: q.group.Name, Topic: q.topic.Name, Queue: q.key.Queue, Offset: offset.Queue(q.header.CommitOffset), Generation: generation})
	}
	if p.cold(q) && p.workers.take(func() { p.first(r, q) }) {
		return nil
	}
	p.first(r, q)
	return nil
}

// first answers a pull that just came, or parks it.
func (p *puller) first(r *request, q *pull) {
	res := p.read(q)
	if wait := p.wait(r, q, &res); wait > 0 {
		q.checked = q.from
		if p.hold.park(&parked{r: r, pull: q, key: q.key, deadline: time.Now().Add(wait)}) {
			return
		}
		if p.hold.closed.Load() {
			p.answer(r, q, homeResult(q))
		} else {
			r.fail(refuse(errBusy, "[OVERLOAD]too many pulls are parked here"))
		}
		return
	}
	p.answer(r, q, res)
}

// wait is how long the pull is parked instead of answered with res, 0 if it is not.
func (p *puller) wait(r *request, q *pull, res *pullResult) time.Duration {
	if q.header.SysFlag&protocol.PullSuspend == 0 || res.err != nil || res.count > 0 {
		return 0
	}
	asked := min(time.Duration(max(q.header.SuspendTimeoutMillis, 0))*time.Millisecond, suspendMax)
	if r.forwarded { // the member that forwarded it waits no longer
		asked = min(asked, time.Until(r.deadline)/2)
	}
	switch {
	case q.leads && res.status.code == protocol.PullNotFound:
		return asked
	case !q.leads && !res.status.moves:
		return min(asked, homeWait)
	default:
		return 0
	}
}

// refuse answers a pull that failed a check. Only a leader may say that what a pull names does not exist; others send the client home.
func (p *puller) refuse(r *request, q *pull, err error) error {
	if q.leads || !mayNotKnowYet(err) {
		return err
	}
	if q.header.SysFlag&protocol.PullSuspend != 0 {
		now := time.Now()
		q.homeAt = now.Add(homeWait)
		if p.hold.park(&parked{r: r, pull: q, key: consumequeue.Key{}, deadline: now.Add(knowWait)}) {
			return nil
		}
	}
	p.answer(r, q, homeResult(q))
	return nil
}

// look is called by the hold for a parked pull.
func (p *puller) look(w *parked, why wakeup) bool {
	q := w.pull
	if q.leads = p.leads(); why != wakeRelease && q.topic != nil && p.redirect(w.r, q) {
		return true
	}
	switch why {
	case wakeRelease:
		p.answer(w.r, q, homeResult(q))
		return true
	case wakeAppend:
		if !p.matches(q) {
			return false
		}
	case wakeRecheck:
		if w.key.Topic == 0 || p.state.Range(w.key).Max <= q.from {
			return false
		}
	}
	if err := p.check(w.r, q); err != nil {
		now := time.Now()
		switch {
		case q.leads || !mayNotKnowYet(err):
			w.r.fail(pullError(err))
		case now.Before(q.homeAt):
			w.deadline = now.Add(knowWait)
			return false
		default:
			p.answer(w.r, q, homeResult(q))
		}
		return true
	}
	p.answer(w.r, q, p.read(q))
	return true
}

// matches looks at the units that came since the last look; it moves q.checked past those that do not match.
func (p *puller) matches(q *pull) bool {
	buf := p.unitBuffer()
	defer p.units.Put(buf)
	for {
		units, err := p.state.Units((*buf)[:0], q.key, q.checked, scanChunk)
		if err != nil {
			return true // the range changed: the read says what to do
		}
		if len(units) == 0 {
			return false
		}
		for i := range units {
			if q.filter.passes(units[i].TagsCode) {
				return true
			}
		}
		q.checked += offset.Queue(len(units))
	}
}

// grown is called by the hold.
func (p *puller) grown(w *parked) bool {
	return w.key.Topic != 0 && p.state.Range(w.key).Max > w.pull.checked
}

// answer replies with a result. A member that does not lead turns everything but found messages into 20, with the client's own offset
// where ours might be behind, and sends it to the leader (RocketMQ's slave rule).
func (p *puller) answer(r *request, q *pull, res pullResult) {
	if res.err != nil {
		r.fail(res.err)
		return
	}
	code, next := res.status.code, res.next
	if !q.leads && code != protocol.Success {
		if res.status.corrects {
			next = q.from
		}
		code = protocol.PullRetryImmediately
	}
	suggested := int64(0)
	if q.group != nil && p.settings.readable() {
		suggested = p.suggest(q, &res)
	}
	p.metrics.pulled(code, res.count, len(res.body), time.Since(r.Received))
	r.answer(code, res.status.remark, protocol.Fields{
		{Key: "suggestWhichBrokerId", Value: strconv.FormatInt(suggested, 10)},
		{Key: "nextBeginOffset", Value: strconv.FormatInt(int64(next), 10)},
		{Key: "minOffset", Value: strconv.FormatInt(int64(res.held.Min), 10)},
		{Key: "maxOffset", Value: strconv.FormatInt(int64(res.held.Max), 10)},
		{Key: "offsetDelta", Value: "0"},
		{Key: "topicSysFlag", Value: strconv.Itoa(int(topicFlag(q.topic)))},
		{Key: "groupSysFlag", Value: strconv.Itoa(int(groupFlag(q.group)))},
	}, res.body)
}

// suggest is the broker id to pull from next (design D22). On a follower what was not read slowly goes back to the leader.
func (p *puller) suggest(q *pull, res *pullResult) int64 {
	view := p.replicas.view()
	slow := res.lastRead > 0 && int64(view.end-res.lastRead) > p.settings.hot()
	if q.leads {
		return view.suggest(slow, q.group.WhichBrokerWhenConsumeSlowly, q.group.BrokerID)
	}
	if slow && !view.stale && res.status.code == protocol.Success {
		return max(q.group.WhichBrokerWhenConsumeSlowly, 0)
	}
	return 0
}

// cold reports whether the read begins outside the hot window: it may wait for the disk and must not hold up the connection.
func (p *puller) cold(q *pull) bool {
	buf := p.unitBuffer()
	defer p.units.Put(buf)
	units, err := p.state.Units((*buf)[:0], q.key, q.from, 1)
	return err == nil && len(units) == 1 && int64(p.replicas.view().end-units[0].Position) > p.settings.hot()
}

func topicFlag(t *state.Topic) int32 {
	if t == nil {
		return 0
	}
	return t.SysFlag
}

func groupFlag(g *state.Group) int32 {
	if g == nil {
		return 0
	}
	return g.GroupSysFlag
}

// forwardTo returns what a pull uses to be served by the leader when followers serve no reads.
func forwardTo(roles *roles, to func(r *request, leader raftlog.ServerID)) func(r *request) bool {
	return func(r *request) bool {
		now := roles.load()
		if !now.known() || r.forwarded {
			return false
		}
		to(r, now.leader)
		return true
	}
}
