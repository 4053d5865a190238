package message

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
)

func TestHashCodeLikeJava(t *testing.T) { // values printed by Java's String.hashCode, messages.md section 7
	for s, want := range map[string]int32{
		"": 0, "TagA": 2598919, "TagB": 2598920, "中文": 646394, "\U0001F600": 1772899, "polygenelubricants": -2147483648,
	} {
		if got := HashCode(s); got != want {
			t.Errorf("%q: %d, want %d", s, got, want)
		}
		if got := TagsCode(s); got != int64(want) {
			t.Errorf("tags code of %q: %d", s, got)
		}
	}
}

func TestOffsetIDGolden(t *testing.T) { // messages.md section 6
	for id, host := range map[string]string{
		"0A00000100002A9F0000000000001000":                         "10.0.0.1:10911",
		"FD00000000000000000000000000000100002A9F0000000000001000": "[fd00::1]:10911",
	} {
		want := netip.MustParseAddrPort(host)
		if got := OffsetID(want, 4096); got != id {
			t.Errorf("%s: %s, want %s", host, got, id)
		}
		got, p, err := ParseOffsetID(strings.ToLower(id))
		if err != nil || got != want || p != 4096 {
			t.Errorf("%s: %v, %v, %v", id, got, p, err)
		}
	}
	for _, bad := range []string{"", "0A", "0A00000100002A9F000000000000100", "0A00000100002A9F000000000000100G", "0A000001FFFFFFFF0000000000001000"} {
		if _, _, err := ParseOffsetID(bad); !errors.Is(err, ErrID) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestUniqueIDs(t *testing.T) {
	var u UniqueIDs
	var mu sync.Mutex
	seen := map[string]bool{}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5000 {
				id := u.Next()
				mu.Lock()
				if seen[id] || len(id) != 32 || strings.ToUpper(id) != id {
					t.Errorf("id %q", id)
				}
				seen[id] = true
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

func TestUniqueIDsDoNotComeAgainNextMonth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the bubble begins at 2000-01-01
		var u UniqueIDs
		january := u.Next()
		time.Sleep(31 * 24 * time.Hour)
		february := u.Next()
		if january[20:] != february[20:] || january == february {
			t.Errorf("same place of two months: %s and %s", january, february)
		}
	})
}

func TestBatchGolden(t *testing.T) {
	want := []BatchPart{{Properties: "TAGS\x01TagA\x02", Body: []byte("b1")}, {Properties: "TAGS\x01TagB\x02", Body: []byte("b2")}}
	b := golden(t, "batch.hex")["two"]
	got, err := DecodeBatch(b, 2)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if again := AppendBatchPart(AppendBatchPart(nil, want[0]), want[1]); string(again) != string(b) {
		t.Errorf("encodes to %x", again)
	}
	if _, err := DecodeBatch(b, 1); !errors.Is(err, ErrTooMany) {
		t.Errorf("two with a limit of one: %v", err)
	}
	if parts, err := DecodeBatch(nil, 1); err != nil || len(parts) != 0 {
		t.Errorf("empty: %v, %v", parts, err)
	}
	everyDamage(b,
		func(p []byte) {
			if _, err := DecodeBatch(p, 9); err == nil && len(p) != 0 && len(p) != len(b)/2 {
				t.Errorf("prefix of %d bytes decodes", len(p))
			}
		},
		func(b []byte) { DecodeBatch(b, 9) })
}

func FuzzDecodeBatch(f *testing.F) {
	f.Add(golden(f, "batch.hex")["two"])
	f.Fuzz(func(t *testing.T, b []byte) {
		parts, err := DecodeBatch(b, 64)
		if err != nil {
			return
		}
		var again []byte
		for _, p := range parts {
			again = AppendBatchPart(again, p)
		}
		if len(parts) > 64 || len(again) != len(b) {
			t.Fatalf("%d bytes, %d parts, encode to %d bytes", len(b), len(parts), len(again))
		}
	})
}

func TestNames(t *testing.T) {
	tests := []struct {
		name         string
		topic, group error
	}{
		{"TopicA", nil, nil},
		{"%RETRY%a|b_c-9", nil, nil},
		{"", ErrTopicBlank, ErrGroupBlank},
		{" \t", ErrTopicBlank, ErrGroupBlank},
		{"a/b", ErrTopicIllegal, ErrGroupIllegal},
		{"..", ErrTopicIllegal, ErrGroupIllegal},
		{"a\x00", ErrTopicIllegal, ErrGroupIllegal},
		{"中文", ErrTopicIllegal, ErrGroupIllegal},
		{strings.Repeat("g", 120), nil, nil},
		{strings.Repeat("g", 121), nil, ErrGroupLong},
		{strings.Repeat("t", 127), nil, ErrGroupLong},
		{strings.Repeat("t", 128), ErrTopicLong, ErrGroupLong},
		{RetryPrefix + strings.Repeat("t", 248), nil, ErrGroupLong},
		{DLQPrefix + strings.Repeat("t", 251), ErrTopicLong, ErrGroupLong},
	}
	for _, tt := range tests {
		if err := ValidateTopic(tt.name); err != tt.topic {
			t.Errorf("topic %.20q of %d: %v", tt.name, len(tt.name), err)
		}
		if err := ValidateGroup(tt.name); err != tt.group {
			t.Errorf("group %.20q of %d: %v", tt.name, len(tt.name), err)
		}
	}
}

func TestSystemTopics(t *testing.T) {
	tests := []struct {
		name              string
		system, forbidden bool
	}{
		{"SCHEDULE_TOPIC_XXXX", true, true}, {"SELF_TEST_TOPIC", true, true}, {"OFFSET_MOVED_EVENT", true, true},
		{"RMQ_SYS_TRANS_HALF_TOPIC", true, true}, {"RMQ_SYS_TRANS_OP_HALF_TOPIC", true, true},
		{"TRANS_CHECK_MAX_TIME_TOPIC", true, true}, {"TBW102", true, false}, {"BenchmarkTest", true, false},
		{"RMQ_SYS_TRACE_TOPIC", true, false}, {"CHECKPOINT_TOPIC", true, false}, {"rmq_sys_wheel_timer", true, false},
		{"TopicA", false, false}, {"%RETRY%CG", false, false}, {"tbw102", false, false},
	}
	for _, tt := range tests {
		if s, f := IsSystemTopic(tt.name), IsForbiddenTarget(tt.name); s != tt.system || f != tt.forbidden {
			t.Errorf("%s: system %t, forbidden %t", tt.name, s, f)
		}
	}
}

func TestDelayLevels(t *testing.T) {
	d, err := ParseDelayLevels(DefaultDelayLevels)
	if err != nil || len(d) != 18 || d.Delay(1) != 1000 || d.Delay(3) != 10_000 || d.Delay(18) != 7_200_000 {
		t.Errorf("%v, %v", d, err)
	}
	if d.Delay(0) != 0 || d.Delay(19) != 0 || d.Clamp(-1) != 0 || d.Clamp(99) != 18 || d.Clamp(18) != 18 {
		t.Error("levels out of range")
	}
	for _, bad := range []string{"", "  ", "1", "s", "-1s", "1x", "0s", "1s 2", "366d", "99999999999s", strings.Repeat("1s ", 257)} {
		if d, err := ParseDelayLevels(bad); err == nil {
			t.Errorf("%.20q parses to %v", bad, d)
		}
	}
}

func TestGroupTopics(t *testing.T) {
	if RetryTopic("CG") != "%RETRY%CG" || DLQTopic("CG") != "%DLQ%CG" || !IsRetryTopic("%RETRY%CG") || !IsDLQTopic("%DLQ%CG") || IsRetryTopic("CG") {
		t.Error("names of a group's topics")
	}
}

func FuzzParseOffsetID(f *testing.F) {
	f.Add("0A00000100002A9F0000000000001000")
	f.Fuzz(func(t *testing.T, id string) {
		if host, p, err := ParseOffsetID(id); err == nil && !host.Addr().Is4In6() && OffsetID(host, offset.Physical(p)) != strings.ToUpper(id) {
			t.Fatalf("%q is %v at %d", id, host, p)
		}
	})
}
