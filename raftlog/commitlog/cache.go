package commitlog

import (
	"sort"

	"github.com/raftmq/raftmq/internal/offset"
)

// cachedOverhead is what an entry costs in memory besides its data, about.
const cachedOverhead = 128

// tailCache holds the most recent entries, up to a number of bytes, so that replication, Apply and tailing
// consumers read without system calls. Log.mu protects it. Its entries always are the last of the log.
type tailCache struct {
	limit, bytes int64
	entries      []cachedEntry // consecutive indexes, oldest first
}

type cachedEntry struct {
	Entry
	position offset.Physical // of the record
}

func (c *tailCache) add(e Entry, position offset.Physical) {
	c.entries = append(c.entries, cachedEntry{e, position})
	c.bytes += int64(len(e.Data)) + cachedOverhead
	for c.bytes > c.limit && len(c.entries) > 0 {
		c.bytes -= int64(len(c.entries[0].Data)) + cachedOverhead
		c.entries[0] = cachedEntry{} // so that the backing array does not keep the data
		c.entries = c.entries[1:]
	}
}

// entry returns the entry at index.
func (c *tailCache) entry(index offset.Index) (Entry, bool) {
	if len(c.entries) == 0 || index < c.entries[0].Index {
		return Entry{}, false
	}
	n := uint64(index - c.entries[0].Index)
	if n >= uint64(len(c.entries)) {
		return Entry{}, false
	}
	return c.entries[n].Entry, true
}

// holding returns the entry whose record holds the byte at pos, which is before the end of the log.
func (c *tailCache) holding(pos offset.Physical) (cachedEntry, bool) {
	n := sort.Search(len(c.entries), func(i int) bool { return c.entries[i].position > pos }) - 1
	if n < 0 {
		return cachedEntry{}, false
	}
	return c.entries[n], true
}

// truncate drops the entries from index on.
func (c *tailCache) truncate(index offset.Index) {
	for n := len(c.entries); n > 0 && c.entries[n-1].Index >= index; n = len(c.entries) {
		c.bytes -= int64(len(c.entries[n-1].Data)) + cachedOverhead
		c.entries[n-1] = cachedEntry{}
		c.entries = c.entries[:n-1]
	}
}
