package raftlog

import (
	"bytes"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
	"pgregory.net/rapid"

	"github.com/raftmq/raftmq/internal/netsim"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

func textBatch(texts ...string) []byte {
	b := commitlog.AppendBatchHeader(nil, uint32(len(texts)), 1, 2)
	for _, t := range texts {
		b = append(b, textRecord(t)...)
	}
	return b
}

// frameBody returns the body of a frame, checking its header.
func frameBody(t *testing.T, frame []byte, kind frameKind) []byte {
	t.Helper()
	body, err := readFrame(bytes.NewReader(frame), kind, appendFrameMax)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestAppendFramesKeepEveryField(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		want := &raft.AppendEntriesRequest{
			Term: rapid.Uint64().Draw(rt, "term"), PrevLogEntry: rapid.Uint64Max(1<<60).Draw(rt, "prev"), PrevLogTerm: rapid.Uint64().Draw(rt, "prevTerm"),
			LeaderCommitIndex: rapid.Uint64().Draw(rt, "commit"),
		}
		var data []byte
		for i := range rapid.IntRange(0, 5).Draw(rt, "count") {
			e := &raft.Log{
				Index: want.PrevLogEntry + uint64(i) + 1, Term: rapid.Uint64().Draw(rt, "entryTerm"), Type: raft.LogType(rapid.Uint8Max(5).Draw(rt, "type")),
				AppendedAt: timeOf(rapid.Int64().Draw(rt, "at")), Data: rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(rt, "data"),
			}
			want.Entries = append(want.Entries, e)
			data = append(data, e.Data...)
		}
		head, size := appendAppend(nil, want)
		if size != len(data) {
			rt.Fatalf("%d bytes of data, said %d", len(data), size)
		}
		frame := append(head, data...)
		got, err := decodeAppend(frameBody(t, frame, frameAppend))
		if err != nil {
			rt.Fatal(err)
		}
		for _, a := range []*raft.AppendEntriesRequest{got, want} {
			for _, e := range a.Entries {
				if len(e.Data) == 0 {
					e.Data = nil
				}
			}
		}
		if !reflect.DeepEqual(got, want) {
			rt.Fatalf("got %+v, want %+v", got, want)
		}
		cut := rapid.IntRange(0, len(frame)-frameHeaderBytes-1).Draw(rt, "cut")
		if _, err := decodeAppend(frame[frameHeaderBytes : frameHeaderBytes+cut]); !errors.Is(err, errFrame) {
			rt.Fatalf("a body cut to %d bytes decodes: %v", cut, err)
		}
	})
}

func TestSmallFramesKeepEveryField(t *testing.T) {
	h := heartbeat{term: 3, commit: 5, next: 7, others: []hearsay{{"n1@1", 9, 4, 2}, {"n2@2", 8, 5, 3}}}
	if got, err := decodeHeartbeat(frameBody(t, appendHeartbeat(nil, h), frameHeartbeat)); err != nil || !reflect.DeepEqual(got, h) {
		t.Errorf("heartbeat %+v, %v", got, err)
	}
	v := vote{term: 3, lastIndex: 5, lastTerm: 2, transfer: true}
	if got, err := decodeVote(frameBody(t, appendVote(nil, frameVote, v), frameVote)); err != nil || got != v {
		t.Errorf("vote %+v, %v", got, err)
	}
	if flags, term, err := decodeVoteAnswer(frameBody(t, appendVoteAnswer(nil, answerSuccess, 9), frameVoteAnswer)); err != nil || flags != answerSuccess || term != 9 {
		t.Errorf("vote answer %d %d, %v", flags, term, err)
	}
	p := probeAnswer{empty: true, uuid: commitlog.UUID{1, 2}, listHash: "abc"}
	if got, err := decodeProbeAnswer(frameBody(t, appendProbeAnswer(nil, p), frameProbeAnswer)); err != nil || got != p {
		t.Errorf("probe answer %+v, %v", got, err)
	}
	a := assignment{uuid: commitlog.UUID{3}, listHash: "def"}
	if got, err := decodeAssign(frameBody(t, appendAssign(nil, a), frameAssign)); err != nil || got != a {
		t.Errorf("assignment %+v, %v", got, err)
	}
	for _, flags := range []uint8{0, answerSuccess, answerNoBackoff, answerSuccess | answerNoBackoff} {
		want := raft.AppendEntriesResponse{Term: 4, LastLog: 8, Success: flags&answerSuccess != 0, NoRetryBackoff: flags&answerNoBackoff != 0}
		var got raft.AppendEntriesResponse
		if err := decodeAppendAnswer(frameBody(t, appendAppendAnswer(nil, flags, &want), frameAppendAnswer), &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("append answer %+v, %v", got, err)
		}
	}
	var r raft.AppendEntriesResponse
	if err := decodeAppendAnswer(frameBody(t, appendAppendAnswer(nil, answerUnavailable, &r), frameAppendAnswer), &r); !errors.Is(err, errUnavailable) {
		t.Errorf("unavailable: %v", err)
	}
}

func TestARequestIsCutIntoPartsOfBoundedSize(t *testing.T) {
	a := &raft.AppendEntriesRequest{Term: 2, PrevLogEntry: 10, PrevLogTerm: 1}
	for i, size := range []int{appendBytesMax / 2, appendBytesMax / 2, 1, appendBytesMax + 5, 7, 7} {
		a.Entries = append(a.Entries, &raft.Log{Index: uint64(11 + i), Term: 2, Data: make([]byte, size)})
	}
	parts := sliceAppend(a)
	prev, total := uint64(10), 0
	for _, p := range parts {
		if p.PrevLogEntry != prev || p.Term != 2 || len(p.Entries) == 0 {
			t.Errorf("part after %d begins after %d with %d entries", prev, p.PrevLogEntry, len(p.Entries))
		}
		size := 0
		for _, e := range p.Entries {
			size += len(e.Data)
		}
		if size > appendBytesMax && len(p.Entries) > 1 {
			t.Errorf("a part of %d entries has %d bytes", len(p.Entries), size)
		}
		prev, total = p.Entries[len(p.Entries)-1].Index, total+len(p.Entries)
	}
	if len(parts) != 4 || total != len(a.Entries) {
		t.Errorf("%d parts with %d entries", len(parts), total)
	}
	if parts := sliceAppend(&raft.AppendEntriesRequest{Term: 2}); len(parts) != 1 {
		t.Errorf("a request without entries becomes %d parts", len(parts))
	}
}

func TestEntriesThatRaftMustNotSeeAreRefused(t *testing.T) {
	damaged := textBatch("x")
	damaged[len(damaged)-1] ^= 1
	cases := map[string]raft.Log{
		"a gap":                   {Index: 6, Term: 1, Type: raft.LogNoop},
		"a damaged batch":         {Index: 5, Term: 1, Type: raft.LogCommand, Data: damaged},
		"no batch":                {Index: 5, Term: 1, Type: raft.LogCommand, Data: []byte("hello")},
		"a broken configuration":  {Index: 5, Term: 1, Type: raft.LogConfiguration, Data: []byte{0xc1, 2, 3}},
		"a type that nobody uses": {Index: 5, Term: 1, Type: raft.LogAddPeerDeprecated},
	}
	for name, l := range cases {
		t.Run(name, func(t *testing.T) {
			if err := verifyEntries(&raft.AppendEntriesRequest{PrevLogEntry: 4, Entries: []*raft.Log{&l}}); err == nil {
				t.Error("it passed")
			}
		})
	}
	good := []*raft.Log{{Index: 5, Type: raft.LogCommand, Data: textBatch("a", "b")}, {Index: 6, Type: raft.LogNoop},
		{Index: 7, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(raft.Configuration{Servers: []raft.Server{{ID: "a", Address: "a"}}})}}
	if err := verifyEntries(&raft.AppendEntriesRequest{PrevLogEntry: 4, Entries: good}); err != nil {
		t.Error(err)
	}
}

// converse runs both sides of a handshake.
func converse(t *testing.T, client, server []byte, h hello, judge func(hello) (verdictCode, string)) (id ServerID, errC, errS error) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New()
		l, err := n.Host("s").Listen("s:1")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		done := make(chan error)
		go func() {
			c, err := l.Accept()
			if err == nil {
				c.SetDeadline(time.Now().Add(time.Second))
				_, err = receive(c, server, challenge{id: "s@1", standing: standing{run: 7, held: 8, term: 9, commit: 10}}, judge)
				c.Close()
			}
			done <- err
		}()
		c, err := n.Host("c").Dial(t.Context(), "s:1")
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(time.Second))
		answered, err := greet(c, client, h)
		id, errC = answered.id, err
		c.Close()
		errS = <-done
	})
	return id, errC, errS
}

func welcomeAll(hello) (verdictCode, string) { return verdictWelcome, "" }

func TestTheHandshakeProvesTheSecretBothWays(t *testing.T) {
	h := hello{purpose: purposeVote, group: "g", from: "c@1", to: "s@1", address: "c:1", standing: standing{1, 2, 3, 4}}
	id, errC, errS := converse(t, []byte("x"), []byte("x"), h, func(got hello) (verdictCode, string) {
		got.nonce = h.nonce
		if got != h {
			t.Errorf("received %+v, sent %+v", got, h)
		}
		return verdictWelcome, ""
	})
	if id != "s@1" || errC != nil || errS != nil {
		t.Errorf("got %q, %v, %v", id, errC, errS)
	}
	_, errC, errS = converse(t, []byte("x"), []byte("y"), h, func(hello) (verdictCode, string) {
		t.Error("a stranger was judged")
		return verdictWelcome, ""
	})
	if !errors.Is(errC, errSecret) || !errors.Is(errS, errHandshake) {
		t.Errorf("other secrets: %v, %v", errC, errS)
	}
	for code, want := range verdictErrors {
		if code == verdictBadProof {
			continue
		}
		_, errC, _ = converse(t, []byte("x"), []byte("x"), h, func(hello) (verdictCode, string) { return code, strings.Repeat("why", 200) })
		if !errors.Is(errC, want) {
			t.Errorf("verdict %d became %v", code, errC)
		}
	}
}

// TestAReflectedProofIsNoProof plays a server that knows no secret and sends back what the client sends.
func TestAReflectedProofIsNoProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := netsim.New()
		l, _ := n.Host("s").Listen("s:1")
		defer l.Close()
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			readSized(c)
			answered := (&challenge{id: "s@1"}).encode()
			writeSized(c, answered)
			mac := make([]byte, 32)
			io.ReadFull(c, mac)
			writeSized(c, append([]byte{byte(verdictWelcome), 0}, mac...))
		}()
		c, err := n.Host("c").Dial(t.Context(), "s:1")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := greet(c, []byte("x"), hello{purpose: purposeVote, from: "c@1", to: "s@1"}); !errors.Is(err, errSecret) {
			t.Errorf("got %v", err)
		}
	})
}

func FuzzDecodeAppend(f *testing.F) {
	head, _ := appendAppend(nil, &raft.AppendEntriesRequest{Term: 3, PrevLogEntry: 4, Entries: []*raft.Log{{Index: 5, Term: 3, Data: textBatch("a")}}})
	f.Add(append(head[frameHeaderBytes:], textBatch("a")...))
	f.Add(make([]byte, 36))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := decodeAppend(b)
		if err != nil {
			return
		}
		verifyEntries(a)
		frame, _ := appendAppend(nil, a)
		for _, e := range a.Entries {
			frame = append(frame, e.Data...)
		}
		if !bytes.Equal(frame[frameHeaderBytes:], b) {
			t.Errorf("decoded and encoded again: %x, was %x", frame[frameHeaderBytes:], b)
		}
	})
}

func FuzzDecodeHello(f *testing.F) {
	h := hello{purpose: purposeAppend, group: "g", from: "a@1", to: "b@2", address: "a:1"}
	f.Add(h.encode())
	f.Add([]byte("RMQH"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := decodeHello(b); err == nil && !bytes.Equal(h.encode(), b) {
			t.Errorf("%x became %+v", b, h)
		}
		decodeChallenge(b)
	})
}

// FuzzHandshake lets a stranger say anything to a listening member.
func FuzzHandshake(f *testing.F) {
	h := hello{purpose: purposeAppend, group: "g", from: "a@1", to: "b@2"}
	var b bytes.Buffer
	writeSized(&b, h.encode())
	f.Add(append(b.Bytes(), make([]byte, 32)...))
	f.Add([]byte{0xff, 0xff, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		c := &scripted{in: bytes.NewReader(b)}
		if _, err := receive(c, []byte("secret"), challenge{id: "b@2"}, welcomeAll); err == nil {
			t.Error("a stranger was let in")
		}
	})
}

// scripted is a connection whose other side says what it has to say and hears nothing.
type scripted struct {
	net.Conn
	in io.Reader
}

func (s *scripted) Read(b []byte) (int, error)  { return s.in.Read(b) }
func (s *scripted) Write(b []byte) (int, error) { return len(b), nil }

func FuzzDecodeSmallFrames(f *testing.F) {
	f.Add(appendVote(nil, frameVote, vote{1, 2, 3, true})[frameHeaderBytes:])
	f.Add(appendHeartbeat(nil, heartbeat{1, 2, 3, []hearsay{{"n1@1", 1, 2, 3}}})[frameHeaderBytes:])
	f.Add(appendProbeAnswer(nil, probeAnswer{})[frameHeaderBytes:])
	f.Fuzz(func(t *testing.T, b []byte) {
		decodeVote(b)
		decodeVoteAnswer(b)
		decodeHeartbeat(b)
		decodeAssign(b)
		decodeProbeAnswer(b)
		decodeConfiguration(b)
		var r raft.AppendEntriesResponse
		decodeAppendAnswer(b, &r)
	})
}

func testImageMeta() *imageMeta {
	return &imageMeta{
		boundary: commitlog.Entry{Index: 20, Term: 3, AppendedAt: time.Unix(0, 77), Data: textBatch("a", "b")}, position: 4096,
		membership: membership{Index: 7, Servers: []raft.Server{{ID: "a@1", Address: "a@1"}}}, stateBytes: 99, sum: [32]byte{1, 2, 3},
	}
}

func TestImageMetaKeepsEveryField(t *testing.T) {
	want := testImageMeta()
	b := want.encode()
	got, err := decodeImageMeta(b)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v", got, err)
	}
	for cut := range b {
		if _, err := decodeImageMeta(b[:cut]); !errors.Is(err, errImage) {
			t.Fatalf("cut to %d bytes: %v", cut, err)
		}
	}
	b[4], b[5] = 0, 9
	if _, err := decodeImageMeta(b); err == nil || !strings.Contains(err.Error(), "version 9") {
		t.Errorf("another version: %v", err)
	}
}

func FuzzDecodeImageMeta(f *testing.F) {
	f.Add(testImageMeta().encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := decodeImageMeta(b); err == nil && m.index() == 0 {
			t.Error("an image without index")
		}
	})
}
