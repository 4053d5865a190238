package protocol

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/raftmq/raftmq/remoting/protocol/fastjson"
)

// Limits of a registration's body (reliability threat N8).
const (
	// RegisterInflatedMax is the largest body after inflation, in bytes; it is also at most 100 times the compressed one.
	RegisterInflatedMax   = 16 << 20
	registerInflationMax  = 100
	registerJSONValuesMax = 1 << 21
)

var (
	// ErrBodyCRC: the body of a registration does not match the CRC in its header. The answer is code 1, RemarkCRC.
	ErrBodyCRC = errors.New(RemarkCRC)
	// ErrRegisterBody: a compressed registration is malformed or inflates beyond its limits.
	ErrRegisterBody = errors.New("malformed registration body")
)

// BodyCRC is the bodyCrc32 of a registration's body.
func BodyCRC(body []byte) int32 { return int32(crc32.ChecksumIEEE(body) & 0x7FFFFFFF) }

// RegisterBrokerBody is the body of code 103. Source: RegisterBrokerBody.
type RegisterBrokerBody struct {
	DataVersion DataVersion
	Topics      []TopicConfig // decoded: sorted by name, each name once
}

type plainRegisterBody struct {
	FilterServerList            []string          `json:"filterServerList"`
	TopicConfigSerializeWrapper plainTopicWrapper `json:"topicConfigSerializeWrapper"`
}

// Encode prints the JSON form, which every NameServer reads.
func (b RegisterBrokerBody) Encode() []byte {
	table := make(map[string]TopicConfig, len(b.Topics))
	for _, t := range b.Topics {
		table[t.TopicName] = t
	}
	w := TopicConfigSerializeWrapper{DataVersion: b.DataVersion, MappingDataVersion: b.DataVersion, TopicConfigTable: table}
	return encode(plainRegisterBody{FilterServerList: []string{}, TopicConfigSerializeWrapper: w.plain()})
}

// DecodeRegisterBrokerBody decodes the body of code 103 in the form that its header names, after checking the CRC that the
// header gives. An empty body registers no topics.
func DecodeRegisterBrokerBody(body []byte, h *RegisterBrokerHeader) (*RegisterBrokerBody, error) {
	if h.BodyCRC32 != 0 && h.BodyCRC32 != BodyCRC(body) {
		return nil, ErrBodyCRC
	}
	switch {
	case len(body) == 0:
		return &RegisterBrokerBody{}, nil
	case h.Compressed:
		return decodeCompressedRegister(body)
	}
	var p plainRegisterBody
	limits := fastjson.Limits{Values: registerJSONValuesMax, Bytes: 2*len(body) + 64<<10}
	if err := fastjson.Unmarshal(body, &p, limits); err != nil {
		return nil, err
	}
	return newRegisterBody(p.TopicConfigSerializeWrapper.DataVersion, p.TopicConfigSerializeWrapper.TopicConfigTable), nil
}

// newRegisterBody takes the topics out of a table. A topic without a name of its own has that of its key.
func newRegisterBody(v DataVersion, table map[string]TopicConfig) *RegisterBrokerBody {
	b := &RegisterBrokerBody{DataVersion: v, Topics: make([]TopicConfig, 0, len(table))}
	for _, name := range slices.Sorted(maps.Keys(table)) {
		t := table[name]
		t.TopicName = name
		b.Topics = append(b.Topics, t)
	}
	return b
}

// decodeCompressedRegister decodes the binary form: a zlib stream of, lengths and counts being int32,
//
//	length, DataVersion as JSON
//	count of topics, each: length, "name readQueues writeQueues perm filterType [attributes as JSON]"
//	length, filter servers as JSON
//	count of static topics' mappings, each: length, JSON (from version 413 on)
func decodeCompressedRegister(body []byte) (*RegisterBrokerBody, error) {
	plain, err := inflate(body)
	if err != nil {
		return nil, err
	}
	r := lengthReader{b: plain}
	var v DataVersion
	if err := v.Decode(r.bytes()); r.bad || err != nil {
		return nil, fmt.Errorf("%w: data version: %v", ErrRegisterBody, err)
	}
	count := r.int32()
	table := map[string]TopicConfig{}
	for i := int32(0); i < count && !r.bad; i++ {
		t, err := decodeTopicLine(string(r.bytes()))
		if err != nil {
			return nil, err
		}
		table[t.TopicName] = t
	}
	if r.bad || count < 0 {
		return nil, fmt.Errorf("%w: %d topics in %d bytes", ErrRegisterBody, count, len(plain))
	}
	return newRegisterBody(v, table), nil
}

// inflate inflates body up to the limits.
func inflate(body []byte) ([]byte, error) {
	limit := min(int64(len(body))*registerInflationMax, RegisterInflatedMax)
	z, err := zlib.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRegisterBody, err)
	}
	defer z.Close()
	plain, err := io.ReadAll(io.LimitReader(z, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRegisterBody, err)
	}
	if int64(len(plain)) > limit {
		return nil, fmt.Errorf("%w: inflates beyond %d bytes", ErrRegisterBody, limit)
	}
	return plain, nil
}

// decodeTopicLine decodes one topic of the binary form. Source: TopicConfig#decode.
func decodeTopicLine(line string) (TopicConfig, error) {
	words := strings.SplitN(line, " ", 6)
	if len(words) < 5 || words[0] == "" {
		return TopicConfig{}, fmt.Errorf("%w: topic %.64q", ErrRegisterBody, line)
	}
	t := TopicConfig{TopicName: words[0], TopicFilterType: words[4]}
	for i, p := range []*int32{&t.ReadQueueNums, &t.WriteQueueNums, &t.Perm} {
		n, ok := parseInt32(words[i+1])
		if !ok {
			return TopicConfig{}, fmt.Errorf("%w: topic %.64q", ErrRegisterBody, line)
		}
		*p = n
	}
	if len(words) == 6 && words[5] != "" {
		if err := decode([]byte(words[5]), &t.Attributes); err != nil {
			return TopicConfig{}, fmt.Errorf("%w: attributes of topic %.64q: %w", ErrRegisterBody, words[0], err)
		}
	}
	return t, nil
}

// lengthReader reads integers and what they give the length of; once short, it returns nothing and bad stays set.
type lengthReader struct {
	b   []byte
	bad bool
}

func (r *lengthReader) int32() int32 {
	if r.bad || len(r.b) < 4 {
		r.bad = true
		return 0
	}
	n := int32(binary.BigEndian.Uint32(r.b))
	r.b = r.b[4:]
	return n
}

func (r *lengthReader) bytes() []byte {
	n := r.int32()
	if r.bad || n < 0 || int(n) > len(r.b) {
		r.bad = true
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}
