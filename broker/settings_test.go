package broker

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// configure sends an update of the configuration as from loopback.
func (g *testGroup) configure(i int, text string, want int32) {
	g.t.Helper()
	client := remoting.NewClient(remoting.ClientOptions{Dial: g.net.Host("127.0.0.1").Dial})
	defer client.Close()
	req := &remoting.Command{Code: protocol.CodeUpdateBrokerConfig, Version: 401, Body: []byte(text)}
	resp, err := client.Invoke(context.Background(), g.members[i].addr(), req)
	if err != nil {
		g.t.Fatal(err)
	}
	if resp.Code != want {
		g.t.Errorf("update of %q: %d %q, want %d", text, resp.Code, resp.Remark, want)
	}
}

// configured is what a member says about a setting.
func (g *testGroup) configured(i int, name string) string {
	g.t.Helper()
	text := string(g.administer(i, protocol.CodeGetBrokerConfig, nil).Body)
	for line := range strings.SplitSeq(text, "\n") {
		if value, ok := strings.CutPrefix(line, name+"="); ok {
			return value
		}
	}
	g.t.Errorf("no %s in %q", name, text)
	return ""
}

func TestUpdateOfTheConfiguration(t *testing.T) {
	three(t, func(t *testing.T, g *testGroup, leader int) {
		follower := (leader + 1) % 3
		g.send(leader, "T", 0, "", "x", protocol.Success)
		g.pulled(leader, pullFields("g", "T", 0, 0))
		for _, refused := range []string{
			"brokerConfigPath=/etc\nbrokerPermission=4", "brokerPermission=4\nbrokerConfigPath=/etc", "rocketmqHome=x", "nobodyKnows=1",
		} {
			g.configure(leader, refused, protocol.NoPermission)
		}
		for _, wrong := range []string{"", "# nothing", "brokerPermission=0", "brokerPermission=7", "brokerPermission=r", "slaveReadEnable=yes",
			"fileReservedTime=-1", "fileReservedTime=1d", "deleteWhen=24", "deleteWhen=04:00", "brokerPermission=4\ndeleteWhen=x"} {
			g.configure(leader, wrong, protocol.InvalidParameter)
		}
		if got := g.configured(leader, "brokerPermission"); got != "6" {
			t.Errorf("after refused updates brokerPermission is %s", got)
		}

		g.configure(follower, " brokerPermission = 4 \r\nfileReservedTime=48\ndeleteWhen=04;16\n", protocol.Success)
		g.kill(leader)
		leader = g.leader(leader)
		for name, want := range map[string]string{"brokerPermission": "4", "fileReservedTime": "48", "deleteWhen": "04;16"} {
			if got := g.configured(leader, name); got != want {
				t.Errorf("on the next leader %s is %s, want %s", name, got, want)
			}
		}
		limits := g.members[leader].broker.member.Load().settings.limits()
		if limits.age != 48*time.Hour || len(limits.at) != 2 || limits.at[1] != 16*time.Hour {
			t.Errorf("limits %+v", limits)
		}
		g.send(leader, "T", 0, "", "x", protocol.NoPermission)
		if resp := g.call(leader, 11, pullFields("g", "T", 0, 0), nil); resp.Code != protocol.Success {
			t.Errorf("a pull from a broker that may be read: %d %q", resp.Code, resp.Remark)
		}
		g.eventually("topics registered as not writable", func() bool { return g.names.perm("T") == protocol.PermRead })
		g.configure(leader, "brokerPermission=2", protocol.Success)
		g.send(leader, "T", 0, "", "x", protocol.Success)
		if resp := g.call(leader, 11, pullFields("g", "T", 0, 0), nil); resp.Code != protocol.NoPermission {
			t.Errorf("a pull from a broker that may not be read: %d %q", resp.Code, resp.Remark)
		}
		g.configure(leader, "brokerPermission=\nautoCreateTopicEnable=false", protocol.Success)
		g.send(leader, "T", 0, "", "x", protocol.Success)
		g.send(leader, "T2", 0, "", "x", protocol.TopicNotExist)
		g.eventually("topics registered as before", func() bool { return g.names.perm("T") == permReadWrite })
	})
}

func TestCreationOfTopicsIsAllowedLater(t *testing.T) {
	one(t, func(o *Options) { o.AutoCreateTopic = false }, func(t *testing.T, g *testGroup) {
		g.send(0, "T", 0, "", "x", protocol.TopicNotExist)
		g.configure(0, "autoCreateTopicEnable=true", protocol.Success)
		g.send(0, "T", 0, "", "x", protocol.Success)
	})
}

func TestReload(t *testing.T) {
	one(t, nil, func(t *testing.T, g *testGroup) {
		b := g.members[0].broker
		o := *b.live.Load()
		o.MessageBytesMax, o.AdminAllow, o.Retention, o.DeleteAt = 2048, []string{"no network"}, time.Hour, []time.Duration{4 * time.Hour}
		if err := b.Reload(o); err == nil || b.live.Load().MessageBytesMax == 2048 {
			t.Errorf("a reload of what is wrong: %v", err)
		}
		o.AdminAllow = []string{"10.0.0.0/8"}
		if err := b.Reload(o); err != nil {
			t.Fatal(err)
		}
		if resp := g.call(0, 310, sendFields("T", 0, ""), make([]byte, 2049)); resp.Code != protocol.MessageIllegal {
			t.Errorf("a message above the new limit: %d %q", resp.Code, resp.Remark)
		}
		if limits := b.member.Load().settings.limits(); limits.age != time.Hour || len(limits.at) != 1 {
			t.Errorf("limits %+v", limits)
		}
		client := remoting.NewClient(remoting.ClientOptions{Dial: g.net.Host("10.1.2.3").Dial})
		defer client.Close()
		resp, err := client.Invoke(context.Background(), g.members[0].addr(), &remoting.Command{Code: protocol.CodeGetBrokerConfig, Version: 401})
		if err != nil || resp.Code != protocol.Success {
			t.Errorf("an admin request from a network that is allowed now: %+v, %v", resp, err)
		}
	})
}

func TestWhatIsTooOldGoesAtItsHour(t *testing.T) {
	view := logView{boundaries: boundaries(5, time.Hour), next: 600, needed: 1000}
	for _, tt := range []struct {
		now, at string
		goes    bool
	}{
		{"12:00", "", true}, {"12:00", "04", false}, {"04:00", "04", true}, {"04:59", "04", true}, {"05:00", "04", false}, {"03:59", "04", false},
		{"16:30", "04;16", true}, {"00:30", "23", false}, {"23:30", "23", true},
	} {
		limits := retentionLimits{age: time.Minute}
		if tt.at != "" {
			limits.at, _ = parseHours(tt.at)
		}
		clock, err := time.Parse("15:04", tt.now)
		if err != nil {
			t.Fatal(err)
		}
		view.now = time.Date(2026, 1, 5, clock.Hour(), clock.Minute(), 0, 0, time.Local)
		if _, ok := limits.retainFrom(view); ok != tt.goes {
			t.Errorf("at %s with deleteWhen %q: %v, want %v", tt.now, tt.at, ok, tt.goes)
		}
		limits.bytes = 1
		if _, ok := limits.retainFrom(view); !ok {
			t.Errorf("at %s a log that is too large must go whatever the hour", tt.now)
		}
	}
}
