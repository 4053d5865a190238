package broker

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/raftmq/raftmq/remoting/protocol"
)

func TestWaitingForNameServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := newTold(2)
		called := 0
		then := func() { called++ }
		expect := func(what string, want int) {
			t.Helper()
			if called != want {
				t.Errorf("%s: %d calls, want %d", what, called, want)
			}
		}
		told.after(then)
		expect("nothing changed yet", 1)
		told.change()
		told.after(then)
		expect("nobody was told", 1)
		told.tell(0, 1)
		expect("one was told", 1)
		told.change()
		told.tell(1, 1)
		expect("both were told what there was then", 2)
		told.after(then)
		if wait := told.release(time.Now()); wait != toldMax {
			t.Errorf("the next look is in %s", wait)
		}
		time.Sleep(toldMax)
		told.release(time.Now())
		expect("they do not answer", 3)
		told.after(then)
		told.close()
		expect("the end", 4)
		told.change()
		told.after(then)
		expect("after the end", 5)
	})
}

func TestNewTopicIsRegisteredBeforeTheAnswer(t *testing.T) {
	one(t, nil, func(t *testing.T, g *testGroup) {
		g.eventually("the registration", func() bool { return g.names.knows("TBW102") })
		for _, topic := range []string{"first", "second", "third"} {
			g.send(0, topic, 0, "", "x", protocol.Success)
			if !g.names.knows(topic) {
				t.Errorf("%s was answered before the name server knew it", topic)
			}
		}
		h := subscribed("g", 1, "first")
		h.ClientID = "c"
		if resp := g.call(0, protocol.CodeHeartBeat, nil, h.Encode()); resp.Code != protocol.Success || !g.names.knows("%RETRY%g") {
			t.Errorf("heartbeat: %d, retry topic known: %v", resp.Code, g.names.knows("%RETRY%g"))
		}
		g.net.Isolate("ns")
		begin := time.Now()
		g.send(0, "fourth", 0, "", "x", protocol.Success)
		if took := time.Since(begin); took < toldMax || took > toldMax+100*time.Millisecond {
			t.Errorf("with a name server that does not answer the send took %s", took)
		}
		begin = time.Now()
		g.send(0, "fourth", 0, "", "x", protocol.Success)
		if took := time.Since(begin); took > 100*time.Millisecond {
			t.Errorf("a send to a known topic waited %s", took)
		}
	})
}
