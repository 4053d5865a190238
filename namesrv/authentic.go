package namesrv

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// olderError: the signature is right, but a later one of the same broker was seen: somebody repeats a recorded request, or the broker's
// clock went back. The broker goes on from seen.
type olderError struct{ seen uint64 }

func (e *olderError) Error() string {
	return fmt.Sprintf("sequence %d of this broker was seen already", e.seen)
}

// authentic checks who speaks for a broker, when the NameServer has a secret (R-S1): every request of class Peer must be signed, and later
// than the ones before it. The sequences are as many as there are brokers that know the secret.
func (s *Server) authentic(r *remoting.Request) error {
	sequence, err := protocol.VerifyRegistration(s.key, r.Code, r.Ext, r.Body)
	if err != nil {
		return err
	}
	broker, _ := r.Ext.Get("brokerName")
	addr, _ := r.Ext.Get("brokerAddr")
	name := strings.Clone(broker + "\x00" + addr)
	s.mu.Lock()
	defer s.mu.Unlock()
	if seen := s.mu.sequences[name]; sequence <= seen {
		return &olderError{seen}
	}
	if len(s.mu.sequences) >= s.opts.Caps.Groups*s.opts.Caps.Members {
		clear(s.mu.sequences) // they come again with the next heartbeats
	}
	s.mu.sequences[name] = sequence
	return nil
}

// sequenceField tells the sender of an older sequence where to go on.
func (e *olderError) field() protocol.Field {
	return protocol.Field{Key: protocol.RegisterSequenceField, Value: strconv.FormatUint(e.seen, 10)}
}
