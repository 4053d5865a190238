package broker

import (
	"testing"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// TestSignerGoesOn (R-S1): sequences grow, and jump to where a NameServer is after a clock went back.
func TestSignerGoesOn(t *testing.T) {
	secret := []byte("a secret of the routes")
	s := newSigner(secret)
	sign := func() uint64 {
		n, err := protocol.VerifyRegistration(protocol.RegistrationKey(secret), protocol.CodeBrokerHeartbeat, s.sign(protocol.CodeBrokerHeartbeat, protocol.Fields{{Key: "a", Value: "b"}}, nil), nil)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	first := sign()
	if second := sign(); second <= first {
		t.Errorf("%d after %d", second, first)
	}
	answer := func(n string) *remoting.Command {
		return &remoting.Command{Ext: protocol.Fields{{Key: protocol.RegisterSequenceField, Value: n}}}
	}
	s.refused(answer("4000000000000000000"))
	if n := sign(); n != 4000000000000000001 {
		t.Errorf("goes on with %d", n)
	}
	s.refused(answer("18446744073709551615"))
	s.refused(answer("x"))
	s.refused(&remoting.Command{})
	if n := sign(); n != 4000000000000000002 {
		t.Errorf("believes nonsense: %d", n)
	}
	none := newSigner(nil)
	none.refused(answer("7"))
	if ext := none.sign(protocol.CodeBrokerHeartbeat, nil, nil); len(ext) != 0 {
		t.Errorf("signs without a secret: %v", ext)
	}
}
