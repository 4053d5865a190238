package remoting

import (
	"sync/atomic"
	"testing"
	"time"
)

// TestACallEndsOnlyWhenItsRequestIsEncoded: a call may time out, or its connection close, before the goroutine that starts it has encoded the
// request, if that was held up. The caller may use the request's memory again when it is told, so it must not be told before.
func TestACallEndsOnlyWhenItsRequestIsEncoded(t *testing.T) {
	for name, end := range map[string]func(*callTable){
		"time-out": (*callTable).expire,
		"close":    func(table *callTable) { table.failAll(0, ErrConnClosed) },
	} {
		var table callTable
		table.init()
		var encoded atomic.Bool
		ended := make(chan bool, 1)
		c := &call{deadline: time.Now().Add(-time.Second), done: func(*Command, error) { ended <- encoded.Load() }}
		c.queueing.Lock()
		if err := table.add(c, 1); err != nil {
			t.Fatal(err)
		}
		go end(&table)
		select {
		case <-ended:
			t.Errorf("%s: ended while the request was being encoded", name)
			c.queueing.Unlock()
			continue
		case <-time.After(20 * time.Millisecond):
		}
		encoded.Store(true)
		c.queueing.Unlock()
		if !<-ended {
			t.Errorf("%s: ended early", name)
		}
	}
}
