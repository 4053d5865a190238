package namesrv

import (
	"context"
	"encoding/hex"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// On real sockets: peers that send nothing, rubbish, or frames that lie, beside one that asks for a route.
func TestAbuseOnLoopback(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{Listener: ln, ReadyAfter: -1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	defer running.Wait()
	defer stop()
	addr := ln.Addr().String()

	for range 100 {
		silent, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
	}
	for name, frame := range map[string]string{
		"rubbish":                          hex.EncodeToString([]byte(strings.Repeat("GET / HTTP/1.1\r\n", 10))),
		"negative length":                  "ffffffff00000000",
		"length of 2 GiB":                  "7fffffff00000010",
		"header longer than the frame":     "0000000800ffffff7b7d0000",
		"unknown serialisation":            "0000000809000004" + "7b7d7b7d",
		"header that is not JSON":          "0000000800000004" + "6e6f7065",
		"binary header cut short":          "0000000801000004" + "00690000",
		"binary ext fields beyond the end": "0000001d01000019" + "006909013d0000000100000000000000007fffffff00057466",
	} {
		raw, _ := hex.DecodeString(frame)
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		c.Write(raw)
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if n, err := c.Read(make([]byte, 1)); err == nil || n > 0 {
			t.Errorf("%s: answered", name)
		} else if ne, ok := err.(net.Error); ok && ne.Timeout() {
			t.Errorf("%s: the connection stays open", name)
		}
		c.Close()
	}

	client := remoting.NewClient(remoting.ClientOptions{})
	defer client.Close()
	for code := range int32(1000) {
		req := &remoting.Command{Code: code, Body: []byte(`{"topicConfigTable":[[[`), Ext: protocol.Fields{{Key: "topic", Value: strings.Repeat("x", 4000)}, {Key: "brokerId", Value: "9e9"}}}
		resp, err := client.Invoke(ctx, addr, req)
		if err != nil {
			t.Fatalf("code %d: %v", code, err)
		}
		if _, served := handlers[code]; served && resp.Code == protocol.RequestCodeNotSupported || !served && resp.Code != protocol.RequestCodeNotSupported {
			t.Errorf("code %d: answered %d %q", code, resp.Code, resp.Remark)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mu.table.groups) != 0 {
		t.Errorf("rubbish registered groups %v", s.mu.table.names)
	}
}

func FuzzRegister(f *testing.F) {
	f.Add(registerBody(5, "T", "U"), "h:10911", "0", "full", false)
	f.Add([]byte(`{"topicConfigSerializeWrapper":{"topicConfigTable":{"T":{"readQueueNums":-1}}}}`), "[::1]:1", "1", "changed", false)
	f.Add([]byte("x\x9c\x03\x00\x00\x00\x00\x01"), "a,b:1", "-1", "", true)
	f.Fuzz(func(t *testing.T, body []byte, addr, id, scope string, compressed bool) {
		s := &Server{}
		s.opts.EnsureDefaults()
		fields := protocol.Fields{{Key: "brokerName", Value: "g"}, {Key: "clusterName", Value: "C"}, {Key: "brokerAddr", Value: addr},
			{Key: "brokerId", Value: id}, {Key: protocol.RegisterTopicsField, Value: scope}}
		if compressed {
			fields = fields.Set("compressed", "true")
		}
		r := &remoting.Request{Command: remoting.Command{Code: 103, Ext: fields, Body: body}, Conn: &remoting.Conn{}}
		reg, err := s.decodeRegistration(r)
		if err != nil {
			return
		}
		table := newTable(s.opts.Caps)
		if _, err := table.register(epoch, reg); err != nil {
			return
		}
		checkInvariants(t, table)
		for _, g := range table.route("T") {
			for _, slot := range g.group.slots() {
				if strings.ContainsAny(slot.addr, "\",;{} ") {
					t.Fatalf("address %q would be read as more than one", slot.addr)
				}
			}
		}
	})
}
