package namesrv

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The model of one group knows only the highest term of id 0, who is alive, and what the last accepted leader said.
type tableModel struct {
	now     time.Time
	highest int64
	topics  map[string]bool
}

func TestTableProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := newTable(testCaps())
		m := &tableModel{now: epoch, topics: map[string]bool{}}
		addr := rapid.Custom(func(t *rapid.T) string { return fmt.Sprintf("n%d:1", rapid.IntRange(0, 4).Draw(t, "addr")) })
		conn := rapid.Uint64Range(1, 4)
		t.Repeat(map[string]func(*rapid.T){
			"register": func(t *rapid.T) {
				r := reg(addr.Draw(t, "addr"), rapid.Int64Range(0, 3).Draw(t, "id"), rapid.Int64Range(1, 12).Draw(t, "term"))
				r.conn = conn.Draw(t, "conn")
				r.scope = rapid.SampledFrom([]scope{scopeFull, scopeChanged}).Draw(t, "scope")
				for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"A", "B", "C"}), 0, 3, rapid.ID).Draw(t, "topics") {
					r.topics[name] = queues{read: 1, write: 1, perm: 6}
				}
				before := shown(table)
				if _, err := table.register(m.now, r); err != nil {
					if got := shown(table); got != before {
						t.Fatalf("refused registration changed %s to %s", before, got)
					}
					return
				}
				if r.id != 0 {
					return
				}
				if r.version.state < m.highest {
					t.Fatalf("term %d leads after %d", r.version.state, m.highest)
				}
				m.highest = r.version.state
				if r.scope == scopeFull {
					m.topics = map[string]bool{}
				}
				for name := range r.topics {
					m.topics[name] = true
				}
			},
			"close": func(t *rapid.T) { table.connClosed(m.now, conn.Draw(t, "conn")) },
			"heartbeat": func(t *rapid.T) {
				table.heartbeat(m.now, "g", addr.Draw(t, "addr"), rapid.Int64Range(0, 3).Draw(t, "id"), 0, conn.Draw(t, "conn"))
			},
			"unregister": func(t *rapid.T) {
				table.unregister(m.now, "g", addr.Draw(t, "addr"), rapid.Int64Range(0, 3).Draw(t, "id"), conn.Draw(t, "conn"))
			},
			"time passes": func(t *rapid.T) {
				m.now = m.now.Add(time.Duration(rapid.IntRange(1, 12).Draw(t, "seconds")) * time.Second)
				table.expire(m.now)
				for _, g := range table.live("") {
					for _, member := range g.members {
						if m.now.Sub(member.seen) >= member.timeout {
							t.Fatalf("%s was seen %v ago", member.addr, m.now.Sub(member.seen))
						}
					}
				}
			},
			"": func(t *rapid.T) {
				checkInvariants(t, table)
				if g := table.groups["g"]; g != nil {
					if g.term != m.highest {
						t.Fatalf("remembers term %d, want %d", g.term, m.highest)
					}
					if len(g.topics) != len(m.topics) {
						t.Fatalf("topics %v, want %v", g.topics, m.topics)
					}
				}
			},
		})
	})
}
