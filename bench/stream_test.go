package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/raftmq/raftmq/client"
	"github.com/raftmq/raftmq/internal/netsim"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/message"
	"github.com/raftmq/raftmq/remoting/protocol"
	"pgregory.net/rapid"
)

// Invariant 6.
func TestTemplateIsTheClientsFrame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &Settings{Topic: rapid.StringMatching(`[a-zA-Z%_-]{1,40}`).Draw(t, "topic"), Size: 100, PropertyBytes: rapid.IntRange(0, 50).Draw(t, "filler"),
			Keys: rapid.Bool().Draw(t, "keys"), Tags: rapid.IntRange(0, 3).Draw(t, "tags")}
		s.CompressAbove = rapid.IntRange(0, 200).Draw(t, "compress above")
		f := filling{queue: rapid.Int32Range(0, 1<<30).Draw(t, "queue"), born: rapid.Int64Range(0, 1<<45).Draw(t, "born"), number: rapid.Int64Range(0, 1<<60).Draw(t, "number"),
			tag: rapid.Int64Range(0, 3).Draw(t, "tag"), unique: []byte(strings.Repeat("A5", 16)), opaque: rapid.Int32Range(0, 1<<31-1).Draw(t, "opaque")}
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		tmpl, err := newTemplate(s, "broker-a")
		if err != nil {
			t.Fatal(err)
		}
		var p []byte
		if s.PropertyBytes > 0 {
			p = message.AppendProperty(p, "filler", strings.Repeat("x", s.PropertyBytes))
		}
		if s.Keys {
			p = message.AppendProperty(p, "KEYS", fmt.Sprint(f.number))
		}
		if s.Tags > 0 {
			p = message.AppendProperty(p, "TAGS", fmt.Sprint("tag", f.tag))
		}
		p = message.AppendProperty(message.AppendProperty(p, "UNIQ_KEY", string(f.unique)), "WAIT", "true")
		h := protocol.SendMessageHeader{ProducerGroup: "raftmq-bench", Topic: s.Topic, DefaultTopic: "TBW102", DefaultTopicQueueNums: 4, QueueID: f.queue, BornTimestamp: f.born,
			Properties: string(p), MaxReconsumeTimes: -1, BrokerName: "broker-a"}
		if s.CompressAbove > 0 && s.CompressAbove <= 100 {
			h.SysFlag = 0x301
		}
		want, err := remoting.AppendFrame([]byte("before"), &remoting.Command{Code: 310, Language: protocol.Go, Version: protocol.Version, Opaque: f.opaque, Ext: h.AppendFields(nil), Body: body})
		if err != nil {
			t.Fatal(err)
		}
		if got := tmpl.appendFrame([]byte("before"), &f, body); !bytes.Equal(got, want) {
			t.Fatalf("\ngot  %q\nwant %q", got, want)
		}
	})
}

func answerFrame(t testing.TB, c remoting.Command) []byte {
	c.Flag = remoting.FlagResponse
	b, err := remoting.AppendFrame(nil, &c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func answerFrames(t testing.TB) map[string][]byte {
	stored := protocol.SendMessageResponseHeader{MsgID: "7F000001000055970000000000000411", QueueID: 3, QueueOffset: 77, Region: "R"}
	return map[string][]byte{
		"stored":               answerFrame(t, remoting.Command{Opaque: 5, Ext: stored.AppendFields(nil)}),
		"in the binary form":   answerFrame(t, remoting.Command{Opaque: 5, Ext: stored.AppendFields(nil), Serialize: remoting.RocketMQ}),
		"with names in values": answerFrame(t, remoting.Command{Opaque: 5, Remark: `"opaque":9,"code":8,"queueOffset":"1"`, Ext: append(protocol.Fields{{Key: "a", Value: `"code":7,"opaque":6`}}, stored.AppendFields(nil)...)}),
		"refused":              answerFrame(t, remoting.Command{Opaque: 5, Code: 14, Remark: "disk full"}),
		"without an offset":    answerFrame(t, remoting.Command{Opaque: 5}),
		"a strange header":     append([]byte("\x00\x00\x00\x23\x00\x00\x00\x1f"), `{"opaque" : 5,"code":0,"flag":1}`[:31]...),
	}
}

func TestReadAck(t *testing.T) {
	want := map[string]ack{"stored": {5, 0, "", 77}, "in the binary form": {5, 0, "", 77}, "with names in values": {5, 0, "", 77}, "refused": {5, 14, "disk full", -1}, "without an offset": {5, 0, "", -1}}
	for name, frame := range answerFrames(t) {
		for n := range len(frame) {
			if a, size, err := readAck(frame[:n]); size != 0 && err == nil {
				t.Fatalf("%s: %d of %d bytes are an answer: %+v", name, n, len(frame), a)
			}
		}
		w, ok := want[name]
		if a, size, err := readAck(append(frame, "next"...)); ok && (err != nil || size != len(frame) || a.opaque != w.opaque || a.code != w.code || a.offset != w.offset || w.code != 0 && a.remark != w.remark) {
			t.Errorf("%s: %+v of %d bytes, %v", name, a, size, err)
		}
	}
	if _, _, err := readAck([]byte("\x7f\xff\xff\xff\x00\x00\x00\x01")); !errors.Is(err, remoting.ErrFrame) {
		t.Errorf("an endless answer: %v", err)
	}
}

// What is picked out of an answer is what decoding it gives.
func FuzzReadAck(f *testing.F) {
	for _, frame := range answerFrames(f) {
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, size, err := readAck(b)
		if err != nil || size == 0 {
			return
		}
		want, err := decodeAck(b[:size])
		if err == nil && got.code == 0 && want.code == 0 && want.opaque >= 0 && want.offset >= 0 && want.offset < 1e17 && got != (ack{want.opaque, 0, got.remark, want.offset}) {
			t.Errorf("%q: picked %+v, decoded %+v", b[:size], got, want)
		}
	})
}

// streamTest is a stream to a broker of the test's making, in virtual time.
type streamTest struct {
	stream *stream
	broker net.Conn

	mu      sync.Mutex
	answers map[int][]error
	offsets map[int]offset.Queue
}

func withStream(t *testing.T, test func(t *testing.T, s *streamTest)) {
	synctest.Test(t, func(t *testing.T) {
		network := netsim.New()
		ln, err := network.Host("broker").Listen(":1")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		conn, err := network.Host("tool").Dial(t.Context(), "broker:1")
		if err != nil {
			t.Fatal(err)
		}
		s := &streamTest{answers: map[int][]error{}, offsets: map[int]offset.Queue{}}
		if s.broker, err = ln.Accept(); err != nil {
			t.Fatal(err)
		}
		tmpl, err := newTemplate(&Settings{Topic: "T"}, "b")
		if err != nil {
			t.Fatal(err)
		}
		s.stream = newStream("broker:1", conn, tmpl, 4, time.Second, func(slot int, at offset.Queue, err error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.answers[slot], s.offsets[slot] = append(s.answers[slot], err), at
		})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { s.stream.run(ctx) })
		test(t, s)
		cancel()
		running.Wait()
		s.broker.Close()
	})
}

func (s *streamTest) send(t *testing.T, slot int) {
	t.Helper()
	if err := s.stream.send(slot, &filling{unique: make([]byte, 32)}, []byte("body")); err != nil {
		t.Fatal(err)
	}
}

// take reads a request and returns its opaque.
func (s *streamTest) take(t *testing.T) int32 {
	t.Helper()
	head := make([]byte, 4)
	if _, err := io.ReadFull(s.broker, head); err != nil {
		t.Fatal(err)
	}
	rest := make([]byte, int(head[2])<<8|int(head[3]))
	if _, err := io.ReadFull(s.broker, rest); err != nil {
		t.Fatal(err)
	}
	c, _, err := remoting.DecodeFrame(append(head, rest...), remoting.Limits{})
	if err != nil || string(c.Body) != "body" {
		t.Fatalf("%+v, %v", c, err)
	}
	return c.Opaque
}

func (s *streamTest) answer(t *testing.T, c remoting.Command) {
	t.Helper()
	if _, err := s.broker.Write(answerFrame(t, c)); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	time.Sleep(time.Millisecond) // the network's latency
	synctest.Wait()
}

// results are the errors that a slot was answered with.
func (s *streamTest) results(slot int) []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answers[slot]
}

func TestStreamMatchesAnswersInAnyOrder(t *testing.T) {
	withStream(t, func(t *testing.T, s *streamTest) {
		var opaques []int32
		for slot := range 3 {
			s.send(t, slot)
			opaques = append(opaques, s.take(t))
		}
		s.answer(t, remoting.Command{Opaque: opaques[2], Ext: protocol.Fields{{Key: "queueOffset", Value: "9"}}})
		s.answer(t, remoting.Command{Opaque: opaques[0], Code: 2, Remark: "busy"})
		if got := s.results(2); len(got) != 1 || got[0] != nil || s.offsets[2] != 9 {
			t.Errorf("slot 2: %v at %d", got, s.offsets[2])
		}
		if got := s.results(0); len(got) != 1 || !client.IsCode(got[0], 2) {
			t.Errorf("slot 0: %v", got)
		}
		if got := s.results(1); len(got) != 0 {
			t.Errorf("slot 1: %v", got)
		}
	})
}

func TestStreamTimesOutAndForgetsLateAnswers(t *testing.T) {
	withStream(t, func(t *testing.T, s *streamTest) {
		s.send(t, 1)
		late := s.take(t)
		time.Sleep(1200 * time.Millisecond)
		if got := s.results(1); len(got) != 1 || !errors.Is(got[0], remoting.ErrTimeout) {
			t.Fatalf("after the timeout: %v", got)
		}
		s.send(t, 1)
		next := s.take(t)
		s.answer(t, remoting.Command{Opaque: late})
		s.answer(t, remoting.Command{Opaque: 1<<16 - 1}) // of a slot that there is not
		if got := s.results(1); len(got) != 1 {
			t.Fatalf("the late answer counts for the next message: %v", got)
		}
		s.answer(t, remoting.Command{Opaque: next})
		if got := s.results(1); len(got) != 2 || got[1] != nil {
			t.Errorf("the next message: %v", got)
		}
	})
}

func TestStreamThatBreaksAnswersEverything(t *testing.T) {
	withStream(t, func(t *testing.T, s *streamTest) {
		s.send(t, 0)
		s.take(t)
		s.broker.Close()
		time.Sleep(10 * time.Millisecond)
		if got := s.results(0); len(got) != 1 || !errors.Is(got[0], remoting.ErrConnClosed) || client.OutcomeOf(got[0]) != client.Unknown {
			t.Errorf("a message that the broker had: %v", got)
		}
		if err := s.stream.send(1, &filling{unique: make([]byte, 32)}, nil); !errors.Is(err, remoting.ErrNotSent) {
			t.Errorf("a send on a broken stream: %v", err)
		}
		if got := s.results(1); len(got) != 0 {
			t.Errorf("it was answered too: %v", got)
		}
	})
}

func TestStreamRefusesNonsense(t *testing.T) {
	withStream(t, func(t *testing.T, s *streamTest) {
		s.send(t, 3)
		s.take(t)
		s.broker.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		time.Sleep(10 * time.Millisecond)
		if got := s.results(3); len(got) != 1 || !errors.Is(got[0], remoting.ErrFrame) {
			t.Errorf("got %v", got)
		}
	})
}
