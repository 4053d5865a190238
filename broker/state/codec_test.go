package state

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

var update = flag.Bool("update", false, "rewrite the golden file")

// commands is one of each, by name, in the order of their kinds.
func commands() []struct {
	name  string
	bytes []byte
} {
	topic := Topic{Name: "orders", ReadQueues: 8, WriteQueues: 4, Perm: 6, FilterType: "SINGLE_TAG", SysFlag: 1, Order: true,
		Attributes: map[string]string{"message.type": "FIFO", "a": ""}}
	group := DefaultGroup("billing")
	group.RetryPolicyJSON, group.Attributes = `{"type":"CUSTOMIZED"}`, map[string]string{"k": "v"}
	return []struct {
		name  string
		bytes []byte
	}{
		{"message", AppendMessage(nil, 3, -7, []uint32{1, 0xFFFFFFFE}, testMessage("orders", 2, 1_700_000_000_123, "hello"))},
		{"leaderStart", AppendLeaderStart(nil, "n0@0123", 9)},
		{"putTopic", AppendPutTopic(nil, topic, true)},
		{"deleteTopic", AppendDeleteTopic(nil, "orders")},
		{"putGroup", AppendPutGroup(nil, group, false)},
		{"deleteGroup", AppendDeleteGroup(nil, "billing", true)},
		{"commitOffsets", AppendCommitOffsets(nil, []OffsetCommit{{"billing", "orders", 1, 77, 2}, {"g", "t", 0, 1 << 40, 0}})},
		{"resetOffset", AppendResetOffset(nil, OffsetCommit{"billing", "orders", 1, 5, 0})},
		{"advanceDelay", AppendAdvanceDelay(nil, 3, 10, 12, 2)},
		{"boundary", AppendBoundary(nil)},
		{"retain", AppendRetain(nil, 12345)},
		{"featureLevel", AppendFeatureLevel(nil, 2)},
		{"lockQueues", AppendLockQueues(nil, "billing", "10.0.0.9@123", time.Minute, []LockedQueue{{"orders", 1}, {"t", 0}})},
		{"unlockQueues", AppendUnlockQueues(nil, "billing", "10.0.0.9@123", []LockedQueue{{"orders", 1}})},
		{"resetTold", AppendResetTold(nil, OffsetCommit{"billing", "orders", 1, 0, 3})},
		{"putSettings", AppendPutSettings(nil, map[string]string{"brokerPermission": "4", "deleteWhen": ""})},
	}
}

// TestGoldenCommands holds every encoder against testdata/commands.hex, made by this code and checked by hand against docs/format/state.md.
// The bytes are part of the log: they never change while the kind's version is 1.
func TestGoldenCommands(t *testing.T) {
	var b strings.Builder
	for i, c := range commands() {
		if kind := Kind(c.bytes[8]); kind != Kind(i+1) || kind.String() != c.name {
			t.Errorf("%s has kind %d (%v)", c.name, kind, kind)
		}
		fmt.Fprintf(&b, "%s\n%s", c.name, hex.Dump(c.bytes))
	}
	name := filepath.Join("testdata", "commands.hex")
	if *update {
		if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

// decoded returns whether a payload of kind decodes, and a command made of what it decoded to, nil if the kind is not encoded from a
// decoded form.
func decoded(kind Kind, b []byte) (again []byte, ok bool) {
	switch kind {
	case KindMessage:
		_, ok = decodeMessage(b)
	case KindLeaderStart:
		member, term, is := decodeLeaderStart(b)
		if ok = is; ok {
			again = AppendLeaderStart(nil, member, term)
		}
	case KindPutTopic:
		t, ifAbsent, is := decodePutTopic(b)
		if ok = is; ok {
			again = AppendPutTopic(nil, *t, ifAbsent)
		}
	case KindDeleteTopic:
		name, is := decodeDeleteTopic(b)
		if ok = is; ok {
			again = AppendDeleteTopic(nil, name)
		}
	case KindPutGroup:
		g, ifAbsent, is := decodePutGroup(b)
		if ok = is; ok {
			again = AppendPutGroup(nil, *g, ifAbsent)
		}
	case KindDeleteGroup:
		name, clean, is := decodeDeleteGroup(b)
		if ok = is; ok {
			again = AppendDeleteGroup(nil, name, clean)
		}
	case KindCommitOffsets:
		r, count, is := decodeCommitOffsets(b)
		if ok = is; ok {
			commits := make([]OffsetCommit, count)
			for i := range commits {
				commits[i] = commitOf(r.offset())
			}
			again = AppendCommitOffsets(nil, commits)
		}
	case KindResetOffset:
		c, is := decodeResetOffset(b)
		if ok = is; ok {
			again = AppendResetOffset(nil, commitOf(c))
		}
	case KindAdvanceDelay:
		level, from, to, is := decodeAdvanceDelay(b)
		if ok = is; ok {
			again = AppendAdvanceDelay(nil, level, from, to, 0)
		}
	case KindBoundary:
		if ok = len(b) == 0; ok {
			again = AppendBoundary(nil)
		}
	case KindRetain:
		index, is := decodeRetain(b)
		if ok = is; ok {
			again = AppendRetain(nil, index)
		}
	case KindFeatureLevel:
		level, is := decodeFeatureLevel(b)
		if ok = is; ok {
			again = AppendFeatureLevel(nil, level)
		}
	case KindPutSettings:
		settings, is := decodePutSettings(b)
		if ok = is; ok {
			again = AppendPutSettings(nil, settings)
		}
	case KindResetTold:
		c, is := decodeResetTold(b)
		if ok = is; ok {
			again = AppendResetTold(nil, commitOf(c))
		}
	case KindLockQueues:
		p, is := decodeLockQueues(b)
		if ok = is; ok {
			again = AppendLockQueues(nil, p.group, p.client, time.Duration(p.lease)*time.Millisecond, p.queues)
		}
	case KindUnlockQueues:
		p, is := decodeUnlockQueues(b)
		if ok = is; ok {
			again = AppendUnlockQueues(nil, p.group, p.client, p.queues)
		}
	}
	return again, ok
}

func commitOf(p offsetPayload) OffsetCommit {
	return OffsetCommit{Group: string(p.group), Topic: string(p.topic), Queue: p.queue, Offset: p.offset, Generation: p.generation}
}

func TestEveryShorterPayloadIsRefused(t *testing.T) {
	for _, c := range commands() {
		sub, err := commitlog.DecodeSubRecord(c.bytes, true)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := decoded(Kind(sub.Kind), sub.Payload); !ok {
			t.Errorf("%s does not decode", c.name)
		}
		end := len(sub.Payload)
		if Kind(sub.Kind) == KindMessage {
			end = messagePrefix + 8 // Apply does not look into the stored message
		}
		for n := range end {
			if _, ok := decoded(Kind(sub.Kind), sub.Payload[:n]); ok {
				t.Errorf("%s decodes from %d of %d bytes", c.name, n, len(sub.Payload))
			}
		}
		if _, ok := decoded(Kind(sub.Kind), append(bytes.Clone(sub.Payload), 0)); ok && Kind(sub.Kind) != KindMessage {
			t.Errorf("%s decodes with a byte too many", c.name)
		}
	}
}

func TestDecodedIsWhatWasEncoded(t *testing.T) {
	sub, _ := commitlog.DecodeSubRecord(commands()[2].bytes, true)
	topic, _, _ := decodePutTopic(sub.Payload)
	if want := (Topic{Name: "orders", ReadQueues: 8, WriteQueues: 4, Perm: 6, FilterType: "SINGLE_TAG", SysFlag: 1, Order: true,
		Attributes: map[string]string{"message.type": "FIFO", "a": ""}}); !reflect.DeepEqual(*topic, want) {
		t.Errorf("topic %+v, want %+v", *topic, want)
	}
	sub, _ = commitlog.DecodeSubRecord(commands()[0].bytes, true)
	m, _ := decodeMessage(sub.Payload)
	if m.key.Topic != 3 || m.key.Queue != 2 || m.tagsCode != -7 || m.storeTime != 1_700_000_000_123 || !bytes.Equal(m.keyHashes, []byte{0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFE}) {
		t.Errorf("message %+v", m)
	}
}

func TestLimitsOfCommands(t *testing.T) {
	long := strings.Repeat("x", nameBytesMax+1)
	for name, b := range map[string][]byte{
		"name too long":      AppendDeleteTopic(nil, long),
		"no name":            AppendDeleteTopic(nil, ""),
		"negative queues":    AppendPutTopic(nil, Topic{Name: "t", ReadQueues: -1}, false),
		"too many queues":    AppendPutTopic(nil, Topic{Name: "t", WriteQueues: queuesMax + 1}, false),
		"level 0":            AppendAdvanceDelay(nil, 0, 0, 1, 0),
		"level too high":     AppendAdvanceDelay(nil, delayLevelMax+1, 0, 1, 0),
		"back in the queue":  AppendAdvanceDelay(nil, 1, 2, 1, 0),
		"reset below zero":   AppendResetOffset(nil, OffsetCommit{"g", "t", 0, -1, 0}),
		"nameless committer": AppendCommitOffsets(nil, []OffsetCommit{{"", "t", 0, 1, 0}}),
	} {
		sub, _ := commitlog.DecodeSubRecord(b, true)
		if _, ok := decoded(Kind(sub.Kind), sub.Payload); ok {
			t.Errorf("%s: decodes", name)
		}
	}
}

// FuzzCommands: whatever the payload, a decoder neither panics nor allocates by what it says; what decodes encodes to the same bytes.
func FuzzCommands(f *testing.F) {
	for _, c := range commands() {
		f.Add(c.bytes[8], c.bytes[commitlog.SubRecordHeaderSize:])
	}
	f.Add(uint8(KindCommitOffsets), []byte{0xFF, 0xFF, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, kind uint8, payload []byte) {
		again, ok := decoded(Kind(kind), payload)
		if ok && again != nil && !bytes.Equal(again[commitlog.SubRecordHeaderSize:], payload) {
			t.Errorf("%v: %x encodes again to %x", Kind(kind), payload, again[commitlog.SubRecordHeaderSize:])
		}
	})
}

// FuzzImage: an image that decodes is one that was written.
func FuzzImage(f *testing.F) {
	var b bytes.Buffer
	e := newImageEncoder(&b, 7)
	e.record(record{tableMeta, "", appendMeta(nil, &meta{applied: 7})})
	e.record(record{tableTopics, topicKey(1), appendTopic(nil, &Topic{Name: "t"})})
	if _, err := e.finish(); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, image []byte) {
		records, err := readImage(bytes.NewReader(image), 7)
		if err != nil {
			return
		}
		if digest := digestOf(7, records); !bytes.Equal(image[len(image)-32:], digest[:]) {
			t.Error("another digest")
		}
		fromImage(noQueues{}, records)
	})
}

// FuzzRecords: a record of state.db that does not decode is refused without a panic.
func FuzzRecords(f *testing.F) {
	m := newMachine(noQueues{})
	m.setTopic(&Topic{ID: 1, Name: "t"})
	m.groups.set("g", &Group{Name: "g"})
	m.offsets.set("g", "t", 0, 5, 1)
	m.delay[1] = 4
	m.boundaries = []Boundary{{1, 2, 3, 4}}
	m.locks.set("g", topicQueue{"t", 0}, "client", 7)
	(*m.settings.Load())["brokerPermission"] = "4"
	for _, r := range m.records() {
		f.Add(r.table, r.key, r.value)
	}
	f.Add(tableQueues, "12345678", make([]byte, 36))
	f.Fuzz(func(t *testing.T, table uint8, key string, value []byte) {
		m := newMachine(noQueues{})
		if m.restore(record{table, key, value}, false, new([]consumequeue.Tail)) {
			m.finish()
			m.records()
		}
	})
}
