package protocol

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"reflect"
	"strings"
	"testing"
)

func TestRegisterBodyGolden(t *testing.T) {
	text := golden(t)["register"]
	want := RegisterBrokerBody{DataVersion: seven, Topics: []TopicConfig{topicA}}
	got, err := DecodeRegisterBrokerBody([]byte(text), &RegisterBrokerHeader{BodyCRC32: BodyCRC([]byte(text))})
	if err != nil || !reflect.DeepEqual(*got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if printed := want.Encode(); string(printed) != text {
		t.Errorf("prints as\n%s, want\n%s", printed, text)
	}
	if _, err := DecodeRegisterBrokerBody([]byte(text), &RegisterBrokerHeader{BodyCRC32: 1}); err != ErrBodyCRC || err.Error() != RemarkCRC {
		t.Errorf("another CRC: %v", err)
	}
	if got, err := DecodeRegisterBrokerBody(nil, &RegisterBrokerHeader{Compressed: true}); err != nil || len(got.Topics) != 0 {
		t.Errorf("no body: %+v, %v", got, err)
	}
}

func TestBodyCRC(t *testing.T) { // messages.md section 1.1
	for text, want := range map[string]int32{"hello": 0x3610A686, "a": 0x68B7BE43, "": 0} {
		if got := BodyCRC([]byte(text)); got != want || crc32.ChecksumIEEE([]byte(text))&0x7FFFFFFF != uint32(got) {
			t.Errorf("%q: %x", text, got)
		}
	}
}

// binaryRegister builds the binary form of a registration.
type binaryRegister struct{ b []byte }

func (r *binaryRegister) int32(n int32) *binaryRegister {
	r.b = binary.BigEndian.AppendUint32(r.b, uint32(n))
	return r
}

func (r *binaryRegister) text(s string) *binaryRegister {
	r.int32(int32(len(s)))
	r.b = append(r.b, s...)
	return r
}

func (r *binaryRegister) deflate() []byte {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	z.Write(r.b)
	z.Close()
	return b.Bytes()
}

const sevenText = `{"counter":7,"stateVersion":0,"timestamp":1700000000000}`

func TestCompressedRegister(t *testing.T) {
	body := new(binaryRegister).text(sevenText).int32(2).
		text("TopicB 8 9 2 MULTI_TAG").
		text(`TopicA 4 4 6 SINGLE_TAG {"message.type":"NORMAL"}`).
		text("[]").int32(1).text("{}").deflate()
	want := RegisterBrokerBody{DataVersion: seven, Topics: []TopicConfig{
		{TopicName: "TopicA", ReadQueueNums: 4, WriteQueueNums: 4, Perm: 6, TopicFilterType: "SINGLE_TAG", Attributes: map[string]string{"message.type": "NORMAL"}},
		{TopicName: "TopicB", ReadQueueNums: 8, WriteQueueNums: 9, Perm: 2, TopicFilterType: "MULTI_TAG"},
	}}
	got, err := DecodeRegisterBrokerBody(body, &RegisterBrokerHeader{Compressed: true, BodyCRC32: BodyCRC(body)})
	if err != nil || !reflect.DeepEqual(*got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for n := range body {
		if _, err := DecodeRegisterBrokerBody(body[:n], &RegisterBrokerHeader{Compressed: true}); n > 0 && err == nil {
			t.Errorf("prefix of %d bytes decodes", n)
		}
	}
}

// TestRN8_Inflation: reliability threat N8.
func TestRN8_Inflation(t *testing.T) {
	start := func() *binaryRegister { return new(binaryRegister).text(sevenText) }
	for name, body := range map[string][]byte{
		"17 MiB of zeros":           new(binaryRegister).text(strings.Repeat("\x00", 17<<20)).deflate(),
		"more than 100 times":       new(binaryRegister).text(strings.Repeat("\x00", 1<<20)).deflate(),
		"no zlib":                   []byte("nope"),
		"a length beyond the end":   new(binaryRegister).int32(1 << 30).deflate(),
		"a negative length":         new(binaryRegister).int32(-1).deflate(),
		"a version that is no JSON": new(binaryRegister).text("nope").int32(0).deflate(),
		"two billion topics":        start().int32(1<<31 - 1).deflate(),
		"minus one topics":          start().int32(-1).deflate(),
		"a topic without queues":    start().int32(1).text("TopicA").deflate(),
		"a topic with bad queues":   start().int32(1).text("TopicA x 4 6 SINGLE_TAG").deflate(),
		"a topic without a name":    start().int32(1).text(" 4 4 6 SINGLE_TAG").deflate(),
		"attributes that are none":  start().int32(1).text("TopicA 4 4 6 SINGLE_TAG nope").deflate(),
	} {
		if got, err := DecodeRegisterBrokerBody(body, &RegisterBrokerHeader{Compressed: true}); !errors.Is(err, ErrRegisterBody) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestRegisterOfManyTopics(t *testing.T) {
	body := RegisterBrokerBody{DataVersion: seven}
	for i := range 5_000 {
		body.Topics = append(body.Topics, TopicConfig{TopicName: fmt.Sprintf("Topic%05d", i), Perm: 6, ReadQueueNums: 8, WriteQueueNums: 8})
	}
	got, err := DecodeRegisterBrokerBody(body.Encode(), &RegisterBrokerHeader{})
	if err != nil || len(got.Topics) != 5_000 || got.Topics[4_999].TopicName != "Topic04999" {
		t.Errorf("%v", err)
	}
}

func FuzzRegisterBody(f *testing.F) {
	f.Add([]byte(golden(f)["register"]), false)
	f.Add(new(binaryRegister).text(sevenText).int32(1).text("TopicA 4 4 6 SINGLE_TAG").text("[]").b, true)
	f.Fuzz(func(t *testing.T, b []byte, compressed bool) {
		if compressed {
			b = (&binaryRegister{b}).deflate()
		}
		got, err := DecodeRegisterBrokerBody(b, &RegisterBrokerHeader{Compressed: compressed})
		if err != nil {
			return
		}
		again, err := DecodeRegisterBrokerBody(got.Encode(), &RegisterBrokerHeader{})
		if err != nil || len(again.Topics) != len(got.Topics) || again.DataVersion != got.DataVersion {
			t.Fatalf("%+v encodes and decodes to %+v, %v", got, again, err)
		}
	})
}
