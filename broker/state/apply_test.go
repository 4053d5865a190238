package state

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

func codes(results []raftlog.Result) []int32 {
	var c []int32
	for _, r := range results {
		c = append(c, r.Code)
	}
	return c
}

func wantCodes(t *testing.T, got []raftlog.Result, want ...int32) {
	t.Helper()
	if !slices.Equal(codes(got), want) {
		t.Fatalf("codes %v, want %v", codes(got), want)
	}
}

func TestMessagesGetDenseOffsets(t *testing.T) {
	var advances []Advance
	m := newMember(t, func(o *Options) {
		o.OnAppend = func(a []Advance) { advances = append(advances, slices.Clone(a)...) }
	})
	topic := m.createTopic("T", 2)
	k0, k1 := consumequeue.Key{Topic: topic.ID, Queue: 0}, consumequeue.Key{Topic: topic.ID, Queue: 1}
	r := m.append(send(topic.ID, 0, 5, "a"), send(topic.ID, 1, 6, "b"), send(topic.ID, 0, 7, "c"), send(topic.ID, 2, 8, "no such queue"), send(topic.ID+1, 0, 9, "no such topic"), send(topic.ID, 0, 10, "d"))
	wantCodes(t, r, OK, OK, OK, Invalid, NoSuchTopic, OK)
	if r[0].Queue != 0 || r[1].Queue != 0 || r[2].Queue != 1 || r[5].Queue != 2 {
		t.Errorf("queue offsets %+v", r)
	}
	if want := []Advance{{k0, 0, 3}, {k1, 0, 1}}; !slices.Equal(advances, want) {
		t.Errorf("advances %v, want %v", advances, want)
	}
	m.append(send(topic.ID, 0, 11, "e"))
	if got := advances[len(advances)-1]; got != (Advance{k0, 3, 4}) {
		t.Errorf("advance of the next call %v", got)
	}
	units, err := m.state.Units(nil, k0, 0, 10)
	if err != nil || len(units) != 4 || units[1].Position != r[2].Position || units[1].TagsCode != 7 {
		t.Errorf("units %v, %v", units, err)
	}
	if got := m.state.WallTime(); got != m.wallTime {
		t.Errorf("wall time %d, want %d", got, m.wallTime)
	}
	if m.append(send(topic.ID, 0, m.wallTime+5000, "f")); m.state.WallTime() != m.wallTime+4000 {
		t.Errorf("wall time %d does not follow the newest message", m.state.WallTime()-m.wallTime)
	}
	if m.state.GroupTime() != m.groupTime {
		t.Errorf("group time %d, want %d", m.state.GroupTime(), m.groupTime)
	}
}

func TestTopics(t *testing.T) {
	var named []string
	m := newMember(t, func(o *Options) { o.OnTopics = func(n []string) { named = append(named, n...) } })
	a := m.createTopic("A", 4)
	if a.ID != 1 || m.state.Topic("A") != a || m.state.TopicByID(1) != a {
		t.Fatalf("topic %+v", a)
	}
	_, v1 := m.state.Topics()
	if v1 != (DataVersion{Timestamp: m.wallTime, Counter: 1}) {
		t.Errorf("version %+v", v1)
	}
	if again := m.createTopic("A", 8); again != a {
		t.Errorf("ifAbsent changed %+v", again)
	}
	same := m.must(AppendPutTopic(nil, Topic{Name: "A", ReadQueues: 4, WriteQueues: 4, Perm: 6}, false))
	if _, v := m.state.Topics(); v != v1 || same.Detail != a {
		t.Errorf("an equal update made version %+v", v)
	}
	wider := m.must(AppendPutTopic(nil, Topic{Name: "A", ReadQueues: 8, WriteQueues: 6, Perm: 4, FilterType: "SINGLE_TAG", Order: true, Attributes: map[string]string{"b": "2", "a": "1"}}, false)).Detail.(*Topic)
	if wider.ID != 1 || wider.Queues() != 8 || m.state.Topic("A") != wider || a.ReadQueues != 4 {
		t.Errorf("update gave %+v", wider)
	}
	m.createTopic("B", 1)
	m.append(send(1, 7, 1, "in a queue that is read only"), send(1, 7, 2, "x"))
	wantCodes(t, m.append(AppendPutTopic(nil, Topic{Name: "C", ReadQueues: queuesMax + 1}, false)), Invalid)
	m.must(AppendCommitOffsets(nil, []OffsetCommit{{"g", "A", 7, 1, 0}, {"g", "B", 0, 1, 0}}))
	m.must(AppendDeleteTopic(nil, "A"))
	wantCodes(t, m.append(AppendDeleteTopic(nil, "A"), send(1, 0, 3, "late")), NoSuchTopic, NoSuchTopic)
	if m.state.Topic("A") != nil || m.state.TopicByID(1) != nil || m.state.Range(consumequeue.Key{Topic: 1, Queue: 7}) != (offset.Range{}) {
		t.Error("the deleted topic is still there")
	}
	if got := m.state.ConsumerOffsets(""); len(got) != 1 || got[0].Topic != "B" {
		t.Errorf("offsets after the deletion %v", got)
	}
	if again := m.createTopic("A", 1); again.ID != 3 {
		t.Errorf("the topic made again has id %d", again.ID)
	}
	if r := m.append(send(3, 0, 4, "first")); r[0].Queue != 0 {
		t.Errorf("its first message has offset %d", r[0].Queue)
	}
	all, _ := m.state.Topics()
	if len(all) != 2 || all[0].Name != "A" || all[1].Name != "B" {
		t.Errorf("topics %v", all)
	}
	if want := []string{"A", "A", "B", "A", "A"}; !slices.Equal(named, want) {
		t.Errorf("named %v, want %v", named, want)
	}
}

func TestDeletedInTheSameBatch(t *testing.T) {
	var advances []Advance
	m := newMember(t, func(o *Options) { o.OnAppend = func(a []Advance) { advances = slices.Clone(a) } })
	a, b := m.createTopic("A", 1), m.createTopic("B", 1)
	wantCodes(t, m.append(send(a.ID, 0, 1, "x"), AppendDeleteTopic(nil, "A"), send(a.ID, 0, 2, "y"), send(b.ID, 0, 3, "z")), OK, OK, NoSuchTopic, OK)
	for _, ad := range advances {
		if ad.Queue.Topic == a.ID && ad.From != ad.To {
			t.Errorf("an advance of a deleted queue: %v", ad)
		}
	}
	if got := advances[len(advances)-1]; got.Queue.Topic != b.ID || got.To != 1 {
		t.Errorf("advances %v", advances)
	}
}

func TestGroups(t *testing.T) {
	var named []string
	m := newMember(t, func(o *Options) { o.OnGroups = func(n []string) { named = append(named, n...) } })
	g := DefaultGroup("g")
	m.must(AppendPutGroup(nil, g, true))
	if got := m.state.Group("g"); got == nil || !reflect.DeepEqual(*got, g) {
		t.Errorf("group %+v, want %+v", got, g)
	}
	g.RetryQueueNums, g.ConsumeMessageOrderly, g.RetryPolicyJSON = 3, true, `{"type":"CUSTOMIZED"}`
	m.must(AppendPutGroup(nil, g, true))
	if m.state.Group("g").RetryQueueNums != 1 {
		t.Error("ifAbsent changed a group")
	}
	m.must(AppendPutGroup(nil, g, false))
	if got := m.state.Group("g"); !reflect.DeepEqual(*got, g) {
		t.Errorf("group %+v, want %+v", got, g)
	}
	m.createTopic("T", 1)
	m.must(AppendCommitOffsets(nil, []OffsetCommit{{"g", "T", 0, 5, 0}}))
	m.must(AppendDeleteGroup(nil, "g", false))
	if _, _, ok := m.state.ConsumerOffset("g", "T", 0); !ok || m.state.Group("g") != nil {
		t.Error("offsets went with the group, or the group did not go")
	}
	wantCodes(t, m.append(AppendDeleteGroup(nil, "g", true)), NoSuchGroup)
	if _, _, ok := m.state.ConsumerOffset("g", "T", 0); ok {
		t.Error("offsets of a group that is gone were not cleaned")
	}
	all, v := m.state.Groups()
	if len(all) != 0 || v.Counter != 3 || len(named) != 3 {
		t.Errorf("groups %v, version %v, named %v", all, v, named)
	}
}

func TestConsumerOffsets(t *testing.T) {
	m := newMember(t)
	m.createTopic("T", 2)
	m.must(AppendCommitOffsets(nil, []OffsetCommit{
		{"g", "T", 0, 5, 0}, {"g", "T", 0, 3, 0}, {"g", "T", 1, 9, 0},
		{"g", "unknown", 0, 5, 0}, {"g", "T", -1, 5, 0}, {"g", "T", 1, -1, 0}, {"h", "T", 0, 7, 1},
	}))
	want := []OffsetCommit{{"g", "T", 0, 3, 0}, {"g", "T", 1, 9, 0}}
	if got := m.state.ConsumerOffsets(""); !slices.Equal(got, want) {
		t.Fatalf("offsets %v, want %v", got, want)
	}
	if _, generation, ok := m.state.ConsumerOffset("h", "T", 0); ok || generation != 0 {
		t.Errorf("an offset of a generation that never was: %d, %v", generation, ok)
	}
	wantCodes(t, m.append(AppendResetOffset(nil, OffsetCommit{"g", "T", 0, 1, 0}), AppendResetOffset(nil, OffsetCommit{"g", "none", 0, 1, 0}), AppendResetOffset(nil, OffsetCommit{"g", "T", -1, 1, 0}), AppendResetOffset(nil, OffsetCommit{"new", "T", 0, 4, 0})), OK, NoSuchTopic, Invalid, OK)
	m.must(AppendCommitOffsets(nil, []OffsetCommit{{"g", "T", 0, 8, 0}}))
	if o, generation, ok := m.state.ConsumerOffset("g", "T", 0); o != 1 || generation != 1 || !ok {
		t.Errorf("a commit from before the reset counted: %d, %d, %v", o, generation, ok)
	}
	m.must(AppendCommitOffsets(nil, []OffsetCommit{{"g", "T", 0, 8, 1}}))
	if o, _, _ := m.state.ConsumerOffset("g", "T", 0); o != 1 {
		t.Errorf("a commit of a group that has not heard of the reset counted: %d", o)
	}
	told := AppendResetTold(nil, OffsetCommit{"g", "T", 0, 0, 1})
	wantCodes(t, m.append(told, told, AppendCommitOffsets(nil, []OffsetCommit{{"g", "T", 0, 8, 2}})), OK, Stale, OK)
	if o, generation, _ := m.state.ConsumerOffset("g", "T", 0); o != 8 || generation != 2 {
		t.Errorf("a commit after the reset did not count: %d, %d", o, generation)
	}
	if got := m.state.ConsumerOffsets("new"); !slices.Equal(got, []OffsetCommit{{"new", "T", 0, 4, 1}}) {
		t.Errorf("offsets of one group %v", got)
	}
}

func TestDelaySpans(t *testing.T) {
	m := newMember(t)
	topic := m.createTopic("T", 1)
	k := consumequeue.Key{Topic: topic.ID, Queue: 0}
	release := [][]byte{AppendAdvanceDelay(nil, 3, 0, 2, 2), send(topic.ID, 0, 1, "a"), send(topic.ID, 0, 2, "b"), send(topic.ID, 0, 3, "not of the span")}
	wantCodes(t, m.append(release...), OK, OK, OK, OK)
	wantCodes(t, m.append(release...), Stale, SpanCancelled, SpanCancelled, OK)
	wantCodes(t, m.append(
		AppendAdvanceDelay(nil, 3, 2, 3, 1), send(topic.ID, 9, 1, "its queue is gone"),
		AppendAdvanceDelay(nil, 3, 7, 8, 1), AppendAdvanceDelay(nil, 3, 3, 4, 1), send(topic.ID, 0, 1, "of a cancelled span"),
		AppendAdvanceDelay(nil, 0, 0, 1, 0), AppendAdvanceDelay(nil, 4, 2, 1, 0),
	), OK, Invalid, Stale, SpanCancelled, SpanCancelled, Invalid, Invalid)
	if got := m.state.Range(k); got != (offset.Range{Min: 0, Max: 4}) {
		t.Errorf("queue %v", got)
	}
	if m.state.DelayCursor(3) != 3 || len(m.state.DelayCursors()) != 1 {
		t.Errorf("cursors %v", m.state.DelayCursors())
	}
}

func TestLeaderStartAndFeatureLevel(t *testing.T) {
	var started []string
	m := newMember(t, func(o *Options) {
		o.OnLeaderStart = func(member string, term offset.Term) { started = append(started, member) }
	})
	wantCodes(t, m.append(AppendLeaderStart(nil, "n0@1", 1), AppendLeaderStart(nil, "n1@1", 2)), OK, Stale)
	if !slices.Equal(started, []string{"n0@1"}) {
		t.Errorf("started %v", started)
	}
	wantCodes(t, m.append(AppendFeatureLevel(nil, 1), AppendFeatureLevel(nil, 3), AppendFeatureLevel(nil, 2)), Stale, OK, Stale)
	if m.state.FeatureLevel() != 3 {
		t.Errorf("feature level %d", m.state.FeatureLevel())
	}
}

func TestBoundariesAndRetention(t *testing.T) {
	m := newMember(t)
	topic := m.createTopic("T", 1)
	k := consumequeue.Key{Topic: topic.ID, Queue: 0}
	m.append(send(topic.ID, 0, 1, "a"))
	first := m.append(send(topic.ID, 0, 2, "b"), AppendBoundary(nil), AppendBoundary(nil), send(topic.ID, 0, 3, "c"))
	wantCodes(t, first, OK, OK, OK, OK)
	at := m.state.Applied()
	if got := m.state.BytesSinceBoundary(); got != 0 {
		t.Errorf("%d bytes since the boundary", got)
	}
	m.append(send(topic.ID, 0, 4, "d"))
	position, _ := m.host.log.DataPosition(at)
	want := Boundary{Index: at, Position: position - commitlog.RecordHeaderSize, End: m.state.Boundaries()[0].End, WallTime: m.wallTime - 1000}
	if got := m.state.Boundaries(); len(got) != 1 || got[0] != want {
		t.Errorf("boundaries %+v, want %+v", got, want)
	}
	next, _ := m.host.log.DataPosition(at + 1)
	if want.End != next-commitlog.RecordHeaderSize || m.state.BytesSinceBoundary() != int64(m.host.log.NextPosition()-want.End) {
		t.Errorf("end %d, %d bytes since", want.End, m.state.BytesSinceBoundary())
	}
	wantCodes(t, m.append(AppendRetain(nil, at+1)), Stale)
	m.must(AppendBoundary(nil))
	wantCodes(t, m.append(AppendBoundary(nil), AppendRetain(nil, m.state.Applied()+1)), OK, Stale)
	m.must(AppendRetain(nil, at))
	wantCodes(t, m.append(AppendRetain(nil, at)), Stale)
	if got := m.state.Range(k); got != (offset.Range{Min: 3, Max: 4}) {
		t.Errorf("range after retention %v: the boundary's entry is in no image", got)
	}
	if len(m.state.Boundaries()) != 3 || m.state.Retained() != at {
		t.Errorf("boundaries %v, retained from %d", m.state.Boundaries(), m.state.Retained())
	}
	if m.host.retained != 0 {
		t.Error("the log was cut before a checkpoint knows")
	}
	m.checkpoint()
	if m.host.retained != at || len(m.host.images) != 3 {
		t.Errorf("after the checkpoint: retained %d, %d images", m.host.retained, len(m.host.images))
	}
	m.host.retain(m.t)
	m.restart()
	if got := m.state.Range(k); got != (offset.Range{Min: 3, Max: 4}) {
		t.Errorf("range after a restart %v", got)
	}
}

func TestPayloadsThatDoNotDecodeAreInvalid(t *testing.T) {
	m := newMember(t)
	before := m.digest()
	for kind := KindMessage; kind <= KindFeatureLevel; kind++ {
		bad := []byte{0xFF, 0xFF, 0xFF}
		wantCodes(t, m.append(commitlog.AppendSubRecord(nil, uint8(kind), kindVersion, 1, bad), AppendFeatureLevel(nil, 9)), Invalid, SpanCancelled)
	}
	if m.state.FeatureLevel() != 1 || m.digest() == before {
		t.Error("an effect, or no new applied index")
	}
}

func TestWhatIsNotKnownPanics(t *testing.T) {
	m := newMember(t)
	for name, data := range map[string][]byte{
		"index 1 of term 1: kind 99":              batch(0, 0, commitlog.AppendSubRecord(nil, 99, 1, 0, nil)),
		"index 1 of term 1: version 2 of kind 10": batch(0, 0, commitlog.AppendSubRecord(nil, uint8(KindBoundary), 2, 0, nil)),
		"index 1 of term 1: no batch":             []byte("no batch"),
		"index 1 of term 1: 1 bytes after":        append(batch(0, 0), 0),
	} {
		func() {
			defer func() {
				m.state.apply.Unlock() // the panic would have ended the process
				p, _ := recover().(string)
				if !strings.Contains(p, strings.Replace(name, "index", "entry", 1)) {
					t.Errorf("%q: panic %q", name, p)
				}
			}()
			m.state.Apply([]raftlog.Committed{{Index: 1, Term: 1, Data: data}})
		}()
	}
}

func TestEntriesThatWereAppliedAreSkipped(t *testing.T) {
	m := newMember(t)
	topic := m.createTopic("T", 1)
	m.append(send(topic.ID, 0, 1, "a"))
	before := m.digest()
	c, _, err := committedAt(m.host, 2)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.state.Apply([]raftlog.Committed{c}); len(got) != 1 || got[0] != nil {
		t.Errorf("results %v", got)
	}
	if m.digest() != before {
		t.Error("applied twice")
	}
}
