package broker

import (
	"testing"

	"github.com/raftmq/raftmq/remoting/message"
)

func TestTagFilter(t *testing.T) {
	tests := []struct {
		expression string
		tag        string
		want       bool
	}{
		{"*", "TagA", true},
		{"", "TagA", true},
		{" * ", "", true},
		{"TagA", "TagA", true},
		{"TagA || TagB", "TagB", true},
		{"TagA||TagB", "TagC", false},
		{"TagA || ", "", false},
		{"中文", "中文", true},
		{"polygenelubricants", "polygenelubricants", true}, // Integer.MIN_VALUE
	}
	for _, tt := range tests {
		f := parseTags(tt.expression)
		if got := f.passes(message.TagsCode(tt.tag)); got != tt.want {
			t.Errorf("%q passes %q = %v", tt.expression, tt.tag, got)
		}
	}
}

func TestKeyHash(t *testing.T) {
	for _, tt := range []struct{ topic, key string }{{"TopicA", "k1"}, {"TopicA", ""}, {"TopicA", "schlüssel"}, {"t", "0A000009C3502A139A5500000000000A"}} {
		h := int64(message.HashCode(tt.topic + "#" + tt.key))
		if want := uint32(max(h, -h)); keyHash(tt.topic, tt.key) != want {
			t.Errorf("keyHash(%q, %q) = %d, want %d", tt.topic, tt.key, keyHash(tt.topic, tt.key), want)
		}
	}
	if absolute(-1<<31) != 0 {
		t.Error("the hash without an absolute value must be 0")
	}
}

func TestKeyHashesOfAMessage(t *testing.T) {
	p := message.EncodeProperties(message.KeyValue{Name: "KEYS", Value: "a  b"}, message.KeyValue{Name: "UNIQ_KEY", Value: "u"})
	got := appendKeyHashes(nil, "T", p)
	want := []uint32{keyHash("T", "u"), keyHash("T", "a"), keyHash("T", "b")}
	if len(got) != len(want) {
		t.Fatalf("%d hashes, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("hash %d = %d, want %d", i, got[i], want[i])
		}
	}
	if n := len(appendKeyHashes(nil, "T", message.EncodeProperties(message.KeyValue{Name: "KEYS", Value: manyWords()}))); n != keyHashesMax {
		t.Errorf("%d hashes of very many keys, want %d", n, keyHashesMax)
	}
}

func manyWords() string {
	words := make([]byte, 0, 2000)
	for range 1000 {
		words = append(words, 'k', ' ')
	}
	return string(words)
}
