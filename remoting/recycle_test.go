package remoting

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/raftmq/raftmq/remoting/protocol"
)

// Requests that are recycled as soon as they are answered, from another goroutine than the reader's, do not show up in each other.
func TestRecycledRequestsDoNotMix(t *testing.T) {
	answer := func(r *Request) {
		name, _ := r.Ext.Get("name")
		r.Reply(&Command{Remark: name, Body: bytes.Clone(r.Body)})
		r.Recycle()
	}
	var handlers sync.WaitGroup
	_, addr := listen(t, ServerOptions{Handler: HandlerFunc(func(r *Request) { handlers.Go(func() { answer(r) }) })})
	t.Cleanup(handlers.Wait)
	c := NewClient(ClientOptions{})
	defer c.Close()
	var calls sync.WaitGroup
	for i := range 2000 {
		name := fmt.Sprint("request ", i)
		body := bytes.Repeat([]byte(name), i%700)
		calls.Add(1)
		c.Go(addr, &Command{Code: 10, Ext: protocol.Fields{{Key: "name", Value: name}}, Body: body}, time.Minute, func(resp *Command, err error) {
			defer calls.Done()
			if err != nil || resp.Remark != name || !bytes.Equal(resp.Body, body) {
				t.Errorf("%s: %+v, %v", name, resp, err)
			}
		})
	}
	calls.Wait()
}
