package broker

import (
	"maps"
	"net/netip"
	"testing"
	"time"
)

func TestAlterAttributes(t *testing.T) {
	old := map[string]string{"message.type": "FIFO", "reserve.time": "5"}
	tests := []struct {
		text string
		want map[string]string // nil: refused
	}{
		{"", old},
		{"+message.type=DELAY", map[string]string{"message.type": "DELAY", "reserve.time": "5"}},
		{"-message.type, +queue.type=SimpleCQ", map[string]string{"queue.type": "SimpleCQ", "reserve.time": "5"}},
		{"message.type=DELAY", nil},
		{"+message.type", nil},
		{"+queue.type=BatchCQ", nil},
		{"+cleanup.policy=COMPACTION", nil},
		{"+message.type=MIXED", nil},
		{"+unknown=1", nil},
		{"-unknown", nil},
		{"+reserve.time=soon", nil},
	}
	for _, tt := range tests {
		got, err := alterAttributes(old, tt.text)
		if tt.want == nil {
			if err == nil {
				t.Errorf("%q was accepted: %v", tt.text, got)
			}
			continue
		}
		if err != nil || !maps.Equal(got, tt.want) {
			t.Errorf("%q = %v, %v, want %v", tt.text, got, err, tt.want)
		}
	}
	if old["message.type"] != "FIFO" {
		t.Error("the attributes of the existing topic were changed")
	}
}

func TestNewTopicNames(t *testing.T) {
	fixed := map[string]bool{"RaftNode00": true}
	for name, ok := range map[string]bool{"orders": true, "%RETRY%g": true, "": false, "a/b": false, "..": false, "TBW102": false, "SCHEDULE_TOPIC_XXXX": false,
		"rmq_sys_x": false, "RaftNode00": false} {
		if err := validateNewTopic(name, fixed); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestAdmission(t *testing.T) {
	a, err := parseAdmission([]string{"10.1.0.0/16", "fd00::/8"})
	if err != nil {
		t.Fatal(err)
	}
	for addr, ok := range map[string]bool{"127.0.0.1:5": true, "[::1]:5": true, "[::ffff:127.0.0.1]:5": true, "10.1.2.3:5": true, "[::ffff:10.1.2.3]:5": true,
		"10.2.0.1:5": false, "[fd00::1]:5": true, "192.168.0.1:5": false} {
		if got := a.allows(netip.MustParseAddrPort(addr)); got != ok {
			t.Errorf("%s allowed = %v", addr, got)
		}
	}
	if a.allows(netip.AddrPort{}) {
		t.Error("an unknown address is allowed")
	}
	if _, err := parseAdmission([]string{"10.1.0.0"}); err == nil {
		t.Error("an address without a length was accepted")
	}
}

func TestCreationQuota(t *testing.T) {
	var q creationQuota
	client := netip.MustParseAddr("10.0.0.1")
	for range autoCreatedMax {
		if !q.take(client, noon) {
			t.Fatal("refused within the quota")
		}
	}
	if q.take(client, noon.Add(59*time.Second)) {
		t.Error("the quota was passed")
	}
	if !q.take(netip.MustParseAddr("10.0.0.2"), noon) || !q.take(client, noon.Add(time.Minute)) {
		t.Error("another client or minute was refused")
	}
}

func TestMeterRates(t *testing.T) {
	var m meter
	for second := range 100 {
		m.tick(noon.Add(time.Duration(second) * time.Second))
		m.add(int64(10))
		if second >= 90 {
			m.add(90)
		}
	}
	m.tick(noon.Add(100 * time.Second))
	if got := m.rate(10); got != 100 {
		t.Errorf("rate over 10 s = %v, want 100", got)
	}
	if got := m.rate(600); got != 19 {
		t.Errorf("rate since the start = %v, want 19", got)
	}
	if got := m.String(); got != "100.00 25.00 19.00" {
		t.Errorf("String = %q", got)
	}
}
