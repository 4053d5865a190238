package broker

import (
	"strconv"
	"sync"
	"time"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// sequenceMax is the highest sequence that is believed: a NameServer that answers nonsense must not use them up.
const sequenceMax = 1 << 62

// signer signs what this member sends to NameServers, if it shares a secret with them (R-S1). Its sequences are nanoseconds of the wall
// clock, so that those of the next process are higher; after a clock that went back they go on from what a NameServer has seen.
type signer struct {
	key []byte // nil: nothing is signed

	mu   sync.Mutex
	last uint64
}

func newSigner(secret []byte) *signer {
	if len(secret) == 0 {
		return &signer{}
	}
	return &signer{key: protocol.RegistrationKey(secret)}
}

func (s *signer) sign(code int32, ext protocol.Fields, body []byte) protocol.Fields {
	if s.key == nil {
		return ext
	}
	s.mu.Lock()
	s.last = max(s.last+1, uint64(time.Now().UnixNano()))
	sequence := s.last
	s.mu.Unlock()
	return protocol.SignRegistration(s.key, code, ext, body, sequence)
}

// refused learns from an answer that the sequence was too low.
func (s *signer) refused(resp *remoting.Command) {
	text, ok := resp.Ext.Get(protocol.RegisterSequenceField)
	if !ok || s.key == nil {
		return
	}
	if seen, err := strconv.ParseUint(text, 10, 64); err == nil && seen < sequenceMax {
		s.mu.Lock()
		s.last = max(s.last, seen)
		s.mu.Unlock()
	}
}
