package client

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/raftmq/raftmq/remoting/message"
)

// Message is a message to send.
type Message struct {
	Topic      string
	Body       []byte
	Tags       string            // one tag
	Keys       []string          // without spaces
	DelayLevel int               // 1 to 18; 0: at once
	Properties map[string]string // the application's own
	Flag       int32
	// UniqueID is set by the producer when it is empty; the same message sent again keeps it.
	UniqueID string
}

// ErrMessage is a message that cannot be encoded; the text says why. It was not sent.
var ErrMessage = errors.New("illegal message")

// appendProperties appends what readers see in the message's properties.
func (m *Message) appendProperties(dst []byte) ([]byte, error) {
	if len(m.Properties) > 0 {
		for _, name := range slices.Sorted(maps.Keys(m.Properties)) {
			value := m.Properties[name]
			if name == "" || value == "" || strings.ContainsAny(name, "\x01\x02") || strings.ContainsAny(value, "\x01\x02") {
				return nil, fmt.Errorf("%w: property %q = %q is empty or holds a separator (0x01, 0x02)", ErrMessage, name, value)
			}
			dst = message.AppendProperty(dst, name, value)
		}
	}
	if len(m.Keys) > 0 {
		dst = message.AppendProperty(dst, message.PropertyKeys, strings.Join(m.Keys, " "))
	}
	if m.Tags != "" {
		dst = message.AppendProperty(dst, message.PropertyTags, m.Tags)
	}
	if m.DelayLevel > 0 {
		dst = message.AppendProperty(dst, message.PropertyDelay, strconv.Itoa(m.DelayLevel))
	}
	dst = message.AppendProperty(dst, message.PropertyUniqueKey, m.UniqueID)
	dst = message.AppendProperty(dst, message.PropertyWait, "true")
	if len(dst) > message.PropertiesMax {
		return nil, fmt.Errorf("%w: properties of %d bytes, at most %d", ErrMessage, len(dst), message.PropertiesMax)
	}
	return dst, nil
}

// Compressor compresses bodies as RocketMQ's clients do: zlib at level 5. It keeps its writers, each of which is more than a megabyte, for the
// next body. The zero value is ready; all methods may be called from any goroutine.
type Compressor struct{ writers sync.Pool }

// Compress returns the compressed body in a slice of its own.
func (c *Compressor) Compress(body []byte) []byte {
	var out bytes.Buffer
	w, ok := c.writers.Get().(*zlib.Writer)
	if ok {
		w.Reset(&out)
	} else {
		w, _ = zlib.NewWriterLevel(&out, 5) // the level is valid
	}
	w.Write(body) // a Buffer does not fail
	w.Close()
	c.writers.Put(w)
	return out.Bytes()
}

// bodyMax bounds what a compressed body may grow to.
const bodyMax = 64 << 20

// decompress replaces a compressed body by its content and clears the flag. Only zlib is read, which is what every client writes
// unless told otherwise.
func decompress(m *message.Message) error {
	if m.SysFlag&message.FlagCompressed == 0 {
		return nil
	}
	if kind := m.SysFlag & message.MaskCompression; kind != 0 && kind != compressedZlib {
		return fmt.Errorf("body is compressed in a way (%#x) that this client does not read", kind)
	}
	r, err := zlib.NewReader(bytes.NewReader(m.Body))
	if err != nil {
		return fmt.Errorf("compressed body: %w", err)
	}
	body, err := io.ReadAll(io.LimitReader(r, bodyMax+1))
	if err != nil {
		return fmt.Errorf("compressed body: %w", err)
	}
	if len(body) > bodyMax {
		return fmt.Errorf("compressed body of more than %d bytes", bodyMax)
	}
	m.Body = body
	m.SysFlag &^= message.FlagCompressed | message.MaskCompression
	return nil
}

const compressedZlib = 0x300
