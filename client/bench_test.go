package client

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// BenchmarkSendAsync is the cost of a message to this client, and to a server on loopback that answers at once.
func BenchmarkSendAsync(b *testing.B) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	addr := ln.Addr().String()
	route := strings.ReplaceAll(`{"brokerDatas":[{"brokerAddrs":{"0":"ADDR"},"brokerName":"b","cluster":"C"}],"queueDatas":`+
		`[{"brokerName":"b","perm":6,"readQueueNums":8,"writeQueueNums":8}]}`, "ADDR", addr)
	stored := protocol.SendMessageResponseHeader{MsgID: "7F000001000055970000000000000411", QueueID: 3, QueueOffset: 1234567, Region: "R"}
	server := remoting.NewServer(remoting.ServerOptions{Handler: remoting.HandlerFunc(func(r *remoting.Request) {
		if r.Code == protocol.CodeGetRouteInfoByTopic {
			r.Reply(&remoting.Command{Body: []byte(route)})
			return
		}
		r.Reply(&remoting.Command{Ext: stored.AppendFields(nil)})
	})})
	ctx, stop := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() { server.Serve(ctx, ln) })
	defer serving.Wait()
	defer stop()
	c, err := New(Options{NameServers: []string{addr}})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	p := c.NewProducer(ProducerOptions{})
	if _, err := p.Send(ctx, &Message{Topic: "T", Body: []byte("x")}); err != nil {
		b.Fatal(err)
	}
	inFlight := make(chan struct{}, 256)
	done := func(_ SendResult, err error) {
		if err != nil {
			b.Error(err)
		}
		<-inFlight
	}
	body := make([]byte, 1024)
	b.ReportAllocs()
	for b.Loop() {
		inFlight <- struct{}{}
		p.SendAsync(&Message{Topic: "T", Body: body}, done)
	}
	for range cap(inFlight) {
		inFlight <- struct{}{}
	}
}
