package namesrv

import (
	"testing"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
)

const routeSecret = "a secret of the routes"

// signed sends a request of a broker with a signature by a secret.
func (b *bench) signed(c *remoting.Client, secret string, sequence uint64, code int32, body []byte, fields protocol.Fields) *remoting.Command {
	b.t.Helper()
	var pairs []string
	for _, f := range protocol.SignRegistration(protocol.RegistrationKey([]byte(secret)), code, fields, body, sequence) {
		pairs = append(pairs, f.Key, f.Value)
	}
	return b.ask(c, code, body, pairs...)
}

func memberFields(addr, id string) protocol.Fields {
	return protocol.Fields{{Key: "brokerName", Value: "g"}, {Key: "brokerAddr", Value: addr}, {Key: "clusterName", Value: "C"}, {Key: "haServerAddr", Value: ""},
		{Key: "brokerId", Value: id}, {Key: "heartbeatTimeoutMillis", Value: "10000"}, {Key: protocol.RegisterTopicsField, Value: protocol.RegisterFull}}
}

// TestRS1_RegistrationsCannotBeHijacked: with a secret, whoever does not know it can neither take an address or the leadership of a group, nor
// remove a broker, nor keep one alive; and what was recorded is worth nothing later.
func TestRS1_RegistrationsCannotBeHijacked(t *testing.T) {
	bubble(t, Options{Secret: []byte(routeSecret), ReadyAfter: -1}, func(b *bench) {
		broker, evil := b.client("broker"), b.client("evil")
		defer broker.Close()
		defer evil.Close()
		body := registerBody(5, "T")
		leader := func(want string) {
			b.t.Helper()
			route := b.ask(broker, 105, nil, "topic", "T")
			got := protocol.TopicRouteData{}
			if err := got.Decode(route.Body); err != nil || len(got.BrokerDatas) != 1 || got.BrokerDatas[0].BrokerAddrs[0] != want {
				b.t.Errorf("route: %d %s %v, want leader %s", route.Code, route.Body, err, want)
			}
		}
		refused := func(what string, resp *remoting.Command, why string) {
			b.t.Helper()
			if got, _ := resp.Ext.Get(protocol.RegisterRefusedField); resp.Code != protocol.SystemError || got != why {
				b.t.Errorf("%s: code %d, refused %q, remark %q", what, resp.Code, got, resp.Remark)
			}
			leader("h:1")
		}
		if resp := b.signed(broker, routeSecret, 100, 103, body, memberFields("h:1", "0")); resp.Code != protocol.Success {
			b.t.Fatalf("a signed registration: %d %s", resp.Code, resp.Remark)
		}
		leader("h:1")

		refused("another leader, unsigned", b.register(evil, "evil:1", 0, 99, "T"), protocol.RefusedUnsigned)
		refused("the same address, unsigned", b.register(evil, "h:1", 0, 99, "T"), protocol.RefusedUnsigned)
		refused("by another secret", b.signed(evil, "a guess at the secret", 200, 103, registerBody(99, "T"), memberFields("evil:1", "0")), protocol.RefusedUnsigned)
		refused("repeated", b.signed(evil, routeSecret, 100, 103, body, memberFields("h:1", "0")), protocol.RefusedOlder)
		refused("an older one", b.signed(evil, routeSecret, 99, 103, body, memberFields("h:1", "0")), protocol.RefusedOlder)
		unregister := protocol.Fields{{Key: "brokerName", Value: "g"}, {Key: "brokerAddr", Value: "h:1"}, {Key: "clusterName", Value: "C"}, {Key: "brokerId", Value: "0"}}
		refused("unregistered by somebody", b.ask(evil, 104, nil, "brokerName", "g", "brokerAddr", "h:1", "clusterName", "C", "brokerId", "0"), protocol.RefusedUnsigned)
		refused("unregistered by a recording", b.signed(evil, routeSecret, 98, 104, nil, unregister), protocol.RefusedOlder)
		refused("kept alive by somebody", b.ask(evil, 904, nil, "brokerName", "g", "brokerAddr", "h:1", "clusterName", "C", "brokerId", "0"), protocol.RefusedUnsigned)

		resp := b.signed(broker, routeSecret, 50, 904, nil, memberFields("h:1", "0"))
		if n, _ := resp.Ext.Get(protocol.RegisterSequenceField); n != "100" {
			b.t.Errorf("after a clock went back the broker is told to go on from %q", n)
		}
		if resp := b.signed(broker, routeSecret, 101, 904, nil, memberFields("h:1", "0")); resp.Code != protocol.Success {
			b.t.Errorf("a signed heartbeat: %d %s", resp.Code, resp.Remark)
		}
		settle()
		leader("h:1")
		if resp := b.signed(broker, routeSecret, 102, 104, nil, unregister); resp.Code != protocol.Success {
			b.t.Errorf("a signed unregistration: %d %s", resp.Code, resp.Remark)
		}
		settle()
		if route := b.ask(broker, 105, nil, "topic", "T"); route.Code == protocol.Success {
			b.t.Errorf("route after the unregistration: %s", route.Body)
		}
	})
}
