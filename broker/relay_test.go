package broker

import (
	"context"
	"testing"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/message"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// TestRequestsThatAConsumerAnswers: the running info of a client, and a message that is given to it, through any member.
func TestRequestsThatAConsumerAnswers(t *testing.T) {
	three(t, func(t *testing.T, g *testGroup, leader int) {
		sent := g.send(leader, "T", 0, "KEYS\x01k\x02", "look at me", protocol.Success)
		id, _ := sent.Ext.Get("msgId")
		consumer := remoting.NewClient(remoting.ClientOptions{
			Dial: g.net.Host("consumer").Dial, Language: protocol.Java, Version: 401,
			Handler: remoting.HandlerFunc(func(r *remoting.Request) {
				who, _ := r.Ext.Get("clientId")
				switch r.Code {
				case protocol.CodeGetConsumerRunningInfo:
					r.Reply(&remoting.Command{Body: []byte(`{"of":"` + who + `"}`)})
				case protocol.CodeConsumeMessageDirectly:
					m, _, err := message.DecodeStored(r.Body)
					if err != nil {
						r.ReplyCode(1, err.Error())
						return
					}
					r.Reply(&remoting.Command{Code: 0, Remark: who, Body: m.Body})
				}
			}),
		})
		defer consumer.Close()
		beat := &remoting.Command{Code: 34, Language: protocol.Java, Version: 401, Body: consumerHeartbeat("c1", "g", "T")}
		if resp, err := consumer.Invoke(context.Background(), g.members[leader].addr(), beat); err != nil || resp.Code != 0 {
			t.Fatalf("heartbeat: %v %v", resp, err)
		}
		for i := range 3 { // the consumer is connected to the leader only
			if resp := g.administer(i, 307, fields("consumerGroup", "g", "clientId", "c1", "jstackEnable", false)); resp.Code != 0 || string(resp.Body) != `{"of":"c1"}` {
				t.Errorf("running info by member %d: %d %q %s", i, resp.Code, resp.Remark, resp.Body)
			}
			if resp := g.administer(i, 309, fields("consumerGroup", "g", "clientId", "c1", "msgId", id)); resp.Code != 0 || resp.Remark != "c1" || string(resp.Body) != "look at me" {
				t.Errorf("message given by member %d: %d %q %s", i, resp.Code, resp.Remark, resp.Body)
			}
			for name, c := range map[string]struct {
				code int32
				ext  protocol.Fields
				want int32
			}{
				"a client that is not there":   {307, fields("consumerGroup", "g", "clientId", "c2"), 1},
				"a group that is not there":    {307, fields("consumerGroup", "h", "clientId", "c1"), 1},
				"no client id":                 {307, fields("consumerGroup", "g"), 1},
				"a message id that is none":    {309, fields("consumerGroup", "g", "clientId", "c1", "msgId", "x"), 29},
				"a message that is not there":  {309, fields("consumerGroup", "g", "clientId", "c1", "msgId", id[:16]+"00000000FFFFFF00"), 1},
				"a message for no such client": {309, fields("consumerGroup", "g", "msgId", id), 1},
			} {
				if resp := g.administer(i, c.code, c.ext); resp.Code != c.want {
					t.Errorf("%s, member %d: %d %q, want %d", name, i, resp.Code, resp.Remark, c.want)
				}
			}
		}
	})
}

// TestAConsumerThatDoesNotAnswer: its connection stays, the asker hears of it in time.
func TestAConsumerThatDoesNotAnswer(t *testing.T) {
	one(t, nil, func(t *testing.T, g *testGroup) {
		consumer := remoting.NewClient(remoting.ClientOptions{Dial: g.net.Host("consumer").Dial, Language: protocol.Java, Version: 401,
			Handler: remoting.HandlerFunc(func(r *remoting.Request) { r.Discard() })})
		beat := &remoting.Command{Code: 34, Language: protocol.Java, Version: 401, Body: consumerHeartbeat("c1", "g", "T")}
		if resp, err := consumer.Invoke(context.Background(), g.members[0].addr(), beat); err != nil || resp.Code != 0 {
			t.Fatalf("heartbeat: %v %v", resp, err)
		}
		ask := fields("consumerGroup", "g", "clientId", "c1")
		if resp := g.administer(0, 307, ask); resp.Code != protocol.ConsumeMsgTimeout {
			t.Errorf("no answer: %d %q", resp.Code, resp.Remark)
		}
		_ = consumer.Close()
		g.eventually("the consumer's end", func() bool { return g.administer(0, 307, ask).Code == protocol.SystemError })
	})
}
