package bench

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
)

// payloadMax bounds what is read of a file.
const payloadMax = 64 << 20

// payload gives the bodies of messages: windows on one block of bytes, so that a body costs no copy.
type payload struct {
	block []byte
	size  int
}

// newPayload makes the block: random bytes, zeros, or the content of a file, repeated until it is long enough for one body.
func newPayload(kind string, size int) (*payload, error) {
	p := &payload{size: size}
	path, isFile := strings.CutPrefix(kind, "file:")
	switch {
	case isFile:
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("payload: %w", err)
		}
		if len(content) == 0 || len(content) > payloadMax {
			return nil, fmt.Errorf("payload: %s has %d bytes; use 1 to %d", path, len(content), payloadMax)
		}
		for len(p.block) < size {
			p.block = append(p.block, content...)
		}
	case kind == "zero":
		p.block = make([]byte, size)
	default:
		p.block = make([]byte, size+1<<16)
		source := rand.NewPCG(1, 2) // the same bytes in every run
		for i := range p.block {
			p.block[i] = byte(source.Uint64() >> 56)
		}
	}
	return p, nil
}

// body returns the body of message number, which is not to be changed.
func (p *payload) body(number int64) []byte {
	room := int64(len(p.block)-p.size) + 1
	at := number * 4099 % room // a prime: neighbours differ
	return p.block[at : at+int64(p.size) : at+int64(p.size)]
}
