package state

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog"
)

// world is what the state must look like: maps, and no files. It knows the rules of docs/format/state.md and nothing of the code.
type world struct {
	nextTopic  uint32
	topics     map[string]worldTopic
	queues     map[consumequeue.Key][]offset.Physical // of every message that a queue ever had
	offsets    map[worldOffset]OffsetCommit
	delay      map[int32]offset.Queue
	locks      map[worldOffset]worldLock
	settings   map[string]string
	boundaries map[offset.Index]map[consumequeue.Key]int // how many messages each queue had after that entry
	retained   offset.Index
}

type worldTopic struct {
	id     uint32
	queues int32
}

type worldLock struct {
	client string
	until  int64 // group time
}

type worldOffset struct {
	group, topic string
	queue        int32
}

// run drives a member beside a world.
type run struct {
	m     *member
	w     world
	dirs  string
	count int
}

func (r *run) topicName(t *rapid.T) string {
	return rapid.SampledFrom([]string{"A", "B", "C"}).Draw(t, "topic")
}

// message returns a message command and what has to become of it, as if it were the next.
func (r *run) message(t *rapid.T) (sub []byte, code int32, k consumequeue.Key) {
	name := r.topicName(t)
	topic, ok := r.w.topics[name]
	k = consumequeue.Key{Topic: topic.id, Queue: int32(rapid.IntRange(0, 3).Draw(t, "queue"))}
	if !ok {
		k.Topic = r.w.nextTopic + 5
	}
	switch {
	case !ok:
		code = NoSuchTopic
	case k.Queue >= topic.queues:
		code = Invalid
	}
	return send(k.Topic, k.Queue, int64(len(r.w.queues[k])), "body"), code, k
}

func (r *run) send(t *rapid.T) {
	var subs [][]byte
	var want []int32
	var keys []consumequeue.Key
	for range rapid.IntRange(1, 60).Draw(t, "messages") {
		sub, code, k := r.message(t)
		subs, want, keys = append(subs, sub), append(want, code), append(keys, k)
	}
	r.stored(t, r.m.append(subs...), want, keys)
}

// stored checks the results of messages and notes them.
func (r *run) stored(t *rapid.T, got []raftlog.Result, want []int32, keys []consumequeue.Key) {
	if !slices.Equal(codes(got), want) {
		t.Fatalf("codes %v, want %v", codes(got), want)
	}
	for i, k := range keys {
		if want[i] != OK {
			continue
		}
		if got[i].Queue != offset.Queue(len(r.w.queues[k])) {
			t.Fatalf("queue offset %d, want %d", got[i].Queue, len(r.w.queues[k]))
		}
		r.w.queues[k] = append(r.w.queues[k], got[i].Position)
	}
}

func (r *run) one(t *rapid.T, sub []byte, want int32) raftlog.Result {
	got := r.m.append(sub)
	if len(got) != 1 || got[0].Code != want {
		t.Fatalf("results %+v, want code %d", got, want)
	}
	return got[0]
}

func (r *run) putTopic(t *rapid.T) {
	name, queues := r.topicName(t), int32(rapid.IntRange(0, 4).Draw(t, "queues"))
	ifAbsent := rapid.Bool().Draw(t, "ifAbsent")
	r.one(t, AppendPutTopic(nil, Topic{Name: name, ReadQueues: queues, WriteQueues: queues / 2, Perm: 6}, ifAbsent), OK)
	is, ok := r.w.topics[name]
	switch {
	case !ok:
		r.w.topics[name] = worldTopic{r.w.nextTopic, queues}
		r.w.nextTopic++
	case !ifAbsent:
		r.w.topics[name] = worldTopic{is.id, queues}
	}
}

func (r *run) deleteTopic(t *rapid.T) {
	name := r.topicName(t)
	topic, ok := r.w.topics[name]
	if !ok {
		r.one(t, AppendDeleteTopic(nil, name), NoSuchTopic)
		return
	}
	r.one(t, AppendDeleteTopic(nil, name), OK)
	delete(r.w.topics, name)
	maps.DeleteFunc(r.w.offsets, func(o worldOffset, _ OffsetCommit) bool { return o.topic == name })
	maps.DeleteFunc(r.w.locks, func(o worldOffset, _ worldLock) bool { return o.topic == name })
	maps.DeleteFunc(r.w.queues, func(k consumequeue.Key, _ []offset.Physical) bool { return k.Topic == topic.id })
}

func (r *run) commit(t *rapid.T) {
	var commits []OffsetCommit
	for range rapid.IntRange(1, 5).Draw(t, "commits") {
		commits = append(commits, OffsetCommit{
			Group: rapid.SampledFrom([]string{"g", "h"}).Draw(t, "group"), Topic: r.topicName(t), Queue: int32(rapid.IntRange(0, 1).Draw(t, "queue")),
			Offset: offset.Queue(rapid.IntRange(-1, 50).Draw(t, "offset")), Generation: uint32(rapid.IntRange(0, 2).Draw(t, "generation")),
		})
	}
	r.one(t, AppendCommitOffsets(nil, commits), OK)
	for _, c := range commits {
		o := worldOffset{c.Group, c.Topic, c.Queue}
		if _, ok := r.w.topics[c.Topic]; ok && c.Offset >= 0 && r.w.offsets[o].Generation == c.Generation && c.Generation%2 == 0 {
			r.w.offsets[o] = c
		}
	}
}

func (r *run) reset(t *rapid.T) {
	c := OffsetCommit{Group: "g", Topic: r.topicName(t), Queue: int32(rapid.IntRange(0, 1).Draw(t, "queue")), Offset: offset.Queue(rapid.IntRange(0, 50).Draw(t, "offset"))}
	if _, ok := r.w.topics[c.Topic]; !ok {
		r.one(t, AppendResetOffset(nil, c), NoSuchTopic)
		return
	}
	r.one(t, AppendResetOffset(nil, c), OK)
	o := worldOffset{c.Group, c.Topic, c.Queue}
	c.Generation = r.w.offsets[o].Generation + 1 + r.w.offsets[o].Generation%2
	r.w.offsets[o] = c
}

// told tells of the reset of a queue, if there is one that was not told.
func (r *run) told(t *rapid.T) {
	o := worldOffset{"g", r.topicName(t), int32(rapid.IntRange(0, 1).Draw(t, "queue"))}
	is, ok := r.w.offsets[o]
	c := OffsetCommit{Group: o.group, Topic: o.topic, Queue: o.queue, Generation: uint32(rapid.IntRange(0, 3).Draw(t, "generation"))}
	if !ok || c.Generation != is.Generation || c.Generation%2 == 0 {
		r.one(t, AppendResetTold(nil, c), Stale)
		return
	}
	r.one(t, AppendResetTold(nil, c), OK)
	is.Generation++
	r.w.offsets[o] = is
}

// lock asks for two queues, with a lease of a few entries.
func (r *run) lock(t *rapid.T) {
	group, client := rapid.SampledFrom([]string{"g", "h"}).Draw(t, "group"), rapid.SampledFrom([]string{"c", "d", "e"}).Draw(t, "client")
	lease, topic := rapid.IntRange(0, 80).Draw(t, "lease"), r.topicName(t)
	first := int32(rapid.IntRange(0, 3).Draw(t, "queue"))
	asked := []LockedQueue{{topic, first}, {topic, first + 1}}
	got := r.one(t, AppendLockQueues(nil, group, client, time.Duration(lease)*time.Millisecond, asked), OK).Detail.([]bool)
	now := r.m.groupTime
	for i, q := range asked {
		o := worldOffset{group, q.Topic, q.Queue}
		is := r.w.locks[o]
		want := q.Queue < r.w.topics[topic].queues && (is.until <= now || is.client == client)
		if got[i] != want {
			t.Fatalf("client %s of %s gets %v: %v, want %v; it was of %+v at %d", client, group, q, got[i], want, is, now)
		}
		if want {
			r.w.locks[o] = worldLock{client, now + int64(lease)}
		}
	}
}

func (r *run) unlock(t *rapid.T) {
	group, client := rapid.SampledFrom([]string{"g", "h"}).Draw(t, "group"), rapid.SampledFrom([]string{"c", "d", "e"}).Draw(t, "client")
	var queues []LockedQueue
	if rapid.Bool().Draw(t, "one") {
		queues = append(queues, LockedQueue{r.topicName(t), int32(rapid.IntRange(0, 3).Draw(t, "queue"))})
	}
	r.one(t, AppendUnlockQueues(nil, group, client, queues), OK)
	maps.DeleteFunc(r.w.locks, func(o worldOffset, l worldLock) bool {
		return o.group == group && l.client == client && (len(queues) == 0 || queues[0] == LockedQueue{o.topic, o.queue})
	})
}

func (r *run) set(t *rapid.T) {
	changed := rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c"}), rapid.SampledFrom([]string{"", "1", "2"}), 1, 3).Draw(t, "settings")
	r.one(t, AppendPutSettings(nil, changed), OK)
	maps.Copy(r.w.settings, changed)
	maps.DeleteFunc(r.w.settings, func(_, value string) bool { return value == "" })
}

// deleteGroup makes a group and deletes it: its offsets stay, its locks go.
func (r *run) deleteGroup(t *rapid.T) {
	name := rapid.SampledFrom([]string{"g", "h"}).Draw(t, "group")
	r.one(t, AppendPutGroup(nil, DefaultGroup(name), false), OK)
	r.one(t, AppendDeleteGroup(nil, name, false), OK)
	maps.DeleteFunc(r.w.locks, func(o worldOffset, _ worldLock) bool { return o.group == name })
}

func (r *run) release(t *rapid.T) {
	level, from := int32(rapid.IntRange(1, 2).Draw(t, "level")), offset.Queue(rapid.IntRange(0, 3).Draw(t, "from"))
	sub, code, k := r.message(t)
	want := []int32{OK, code}
	if r.w.delay[level] != from {
		want = []int32{Stale, SpanCancelled}
	} else {
		r.w.delay[level] = from + 1
	}
	got := r.m.append(AppendAdvanceDelay(nil, level, from, from+1, 1), sub)
	if !slices.Equal(codes(got), want) {
		t.Fatalf("codes %v, want %v", codes(got), want)
	}
	r.stored(t, got[1:], want[1:], []consumequeue.Key{k})
}

func (r *run) boundary(t *rapid.T) {
	r.one(t, AppendBoundary(nil), OK)
	counts := map[consumequeue.Key]int{}
	for k, q := range r.w.queues {
		counts[k] = len(q)
	}
	r.w.boundaries[r.m.state.Applied()] = counts
}

func (r *run) retain(t *rapid.T) {
	indexes := slices.Sorted(maps.Keys(r.w.boundaries))
	if len(indexes) == 0 {
		r.one(t, AppendRetain(nil, 1), Stale)
		return
	}
	index := rapid.SampledFrom(indexes).Draw(t, "boundary")
	if index <= r.w.retained {
		r.one(t, AppendRetain(nil, index), Stale)
		return
	}
	r.one(t, AppendRetain(nil, index), OK)
	maps.DeleteFunc(r.w.boundaries, func(i offset.Index, _ map[consumequeue.Key]int) bool { return i < index })
	r.w.retained = index
}

func (r *run) checkpoint(*rapid.T) {
	r.m.checkpoint()
	r.m.host.retain(r.m.t)
}

func (r *run) restart(*rapid.T) { r.m.restart() }

// powerCut goes on with what a power cut leaves, between two commits of the database.
func (r *run) powerCut(t *rapid.T) {
	seed := rapid.Uint64().Draw(t, "seed")
	r.m.state.keys.close()
	r.m.state.checkpointer.close()
	fs := r.m.fs.CrashClone(rand.New(rand.NewPCG(seed, 0)))
	r.m.kill()
	r.m.fs = fs
	r.m.start()
	r.m.catchUp()
}

// loseDatabase removes state.db: the state is made again.
func (r *run) loseDatabase(t *rapid.T) {
	r.m.kill()
	if err := os.Remove(r.m.realDir + "/" + databaseName); err != nil {
		t.Fatal(err)
	}
	r.m.start()
	r.m.catchUp()
}

func (r *run) check(t *rapid.T) {
	s := r.m.state
	topics, _ := s.Topics()
	if len(topics) != len(r.w.topics) {
		t.Fatalf("%d topics, want %d", len(topics), len(r.w.topics))
	}
	for name, want := range r.w.topics {
		if got := s.Topic(name); got == nil || got.ID != want.id || got.Queues() != want.queues || s.TopicByID(want.id) != got {
			t.Fatalf("topic %s is %+v, want %+v", name, got, want)
		}
	}
	for k, q := range r.w.queues {
		want := offset.Range{Min: offset.Queue(r.w.boundaries[r.w.retained][k]), Max: offset.Queue(len(q))}
		if got := s.Range(k); got != want {
			t.Fatalf("range of %v is %v, want %v", k, got, want)
		}
		units, err := s.Units(nil, k, want.Min, len(q))
		if err != nil || len(units) != int(want.Max-want.Min) {
			t.Fatalf("%d units of %v in %v, %v", len(units), want, k, err)
		}
		for i, u := range units {
			if u.Position != q[int(want.Min)+i] {
				t.Fatalf("unit %d of %v is at %d, want %d", int(want.Min)+i, k, u.Position, q[int(want.Min)+i])
			}
		}
	}
	offsets := s.ConsumerOffsets("")
	if len(offsets) != len(r.w.offsets) {
		t.Fatalf("%d consumer offsets, want %d", len(offsets), len(r.w.offsets))
	}
	for _, got := range offsets {
		if want := r.w.offsets[worldOffset{got.Group, got.Topic, got.Queue}]; got != want {
			t.Fatalf("consumer offset %+v, want %+v", got, want)
		}
	}
	if !maps.Equal(s.Settings(), r.w.settings) {
		t.Fatalf("settings %v, want %v", s.Settings(), r.w.settings)
	}
	now, held := r.m.groupTime, map[string]bool{}
	for o, want := range r.w.locks {
		client, ok := s.LockHolder(o.group, o.topic, o.queue, now)
		if ok != (want.until > now) || ok && client != want.client {
			t.Fatalf("lock of %+v is of %q, %v at %d, want %+v", o, client, ok, now, want)
		}
		held[o.group] = held[o.group] || ok
	}
	for _, group := range []string{"g", "h"} {
		if s.HasLocks(group, now) != held[group] {
			t.Fatalf("%s has locks: %v, want %v", group, !held[group], held[group])
		}
	}
	for level := range int32(3) {
		if s.DelayCursor(level) != r.w.delay[level] {
			t.Fatalf("cursor %d is %d, want %d", level, s.DelayCursor(level), r.w.delay[level])
		}
	}
	if len(r.m.host.fatal) > 0 {
		t.Fatalf("fatal %v", r.m.host.fatal)
	}
}

// sameElsewhere compares the digest with that of members that got there in other ways: by the whole log if there is it, and by each image and the log
// after it.
func (r *run) sameElsewhere(t *rapid.T) {
	r.m.checkpoint()
	r.m.host.retain(r.m.t)
	want := r.m.digest()
	log := r.m.host.log
	for index, image := range r.m.host.images {
		store, err := consumequeue.Open(consumequeue.Options{FS: r.m.fs, Dir: fmt.Sprintf("other-%d", index)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		records, err := readImage(newReader(image), index)
		if err != nil {
			t.Fatal(err)
		}
		m, tails, err := fromImage(store, records)
		if err == nil {
			err = store.Reset(tails)
		}
		var out changes
		for i := index + 1; err == nil && i <= log.LastIndex(); i++ {
			c, ok, entryErr := committedAt(r.m.host, i)
			if err = entryErr; err == nil && ok {
				out.reset()
				_, err = m.apply(&c, &out)
			}
		}
		if err != nil || m.digest() != want {
			t.Fatalf("from image %d: another state, %v", index, err)
		}
		store.Close()
	}
	if r.m.host.log.FirstIndex() == 1 {
		r.m.kill()
		if _, err := r.m.verify(); err != nil {
			t.Fatalf("verify: %v", err)
		}
		r.m.start()
	}
}

func TestStateAgainstModel(t *testing.T) {
	base := quickDir(t)
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		dir := fmt.Sprintf("%s/%d", base, runs)
		m := emptyMember(t, dir)
		m.start()
		defer m.kill()
		r := &run{m: m, w: world{nextTopic: 1, topics: map[string]worldTopic{}, queues: map[consumequeue.Key][]offset.Physical{},
			offsets: map[worldOffset]OffsetCommit{}, delay: map[int32]offset.Queue{}, locks: map[worldOffset]worldLock{}, settings: map[string]string{}, boundaries: map[offset.Index]map[consumequeue.Key]int{}}}
		t.Repeat(map[string]func(*rapid.T){
			"send": r.send, "send more": r.send, "put topic": r.putTopic, "put another": r.putTopic, "delete topic": r.deleteTopic,
			"commit": r.commit, "reset": r.reset, "told": r.told, "set": r.set, "lock": r.lock, "unlock": r.unlock, "delete group": r.deleteGroup, "release": r.release, "boundary": r.boundary, "retain": r.retain, "checkpoint": r.checkpoint,
			"restart": r.restart, "power cut": r.powerCut, "lose database": r.loseDatabase, "same elsewhere": r.sameElsewhere, "": r.check,
		})
		r.sameElsewhere(t)
	})
}
