package commitlog

import (
	"context"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
)

// scrubChunk is how much is read between two looks at the clock.
const scrubChunk = 256 << 10

// Scrub reads and verifies every sealed segment, oldest first, at no more than rate bytes a second, and returns nil when it has reached
// the segment that is appended to, a *DamageError at the first record that is bad, or the error of ctx. OnDamage is called as for any
// other read. progress, if not nil, is told of every piece that was read. It may run beside everything else; what retention removes
// under it is left out. The page cache may answer for what was written lately: damage on the disk shows once it does not.
func (l *Log) Scrub(ctx context.Context, rate int64, progress func(bytes int64)) error {
	p := pacer{rate: rate, began: time.Now()}
	for index := l.FirstIndex(); ; index++ {
		f, ok := l.findSealed(&index)
		if !ok {
			return nil
		}
		_, err := l.readEntry(f)
		f.seg.release()
		if err != nil && !l.removedSince(f.removals) {
			l.suspect(err)
			return err
		}
		if progress != nil {
			progress(f.size)
		}
		if err := p.pace(ctx, f.size); err != nil {
			return err
		}
	}
}

// findSealed looks up the record of index, or the first retained one behind it, unless it is in the segment that is appended to.
func (l *Log) findSealed(index *offset.Index) (found, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	*index = max(*index, l.first.index)
	if l.closed || *index >= l.next.index {
		return found{}, false
	}
	seg := l.segmentOfIndexLocked(*index)
	if seg == l.activeLocked() {
		return found{}, false
	}
	return l.takeLocked(seg, int(*index-seg.first.index)), true
}

// pacer holds a rate.
type pacer struct {
	rate  int64 // bytes a second
	began time.Time
	done  int64
	last  int64 // done at the last look at the clock
}

// pace waits until n more bytes are due.
func (p *pacer) pace(ctx context.Context, n int64) error {
	p.done += n
	if p.done-p.last < scrubChunk {
		return nil
	}
	p.last = p.done
	due := p.began.Add(time.Duration(float64(p.done) / float64(p.rate) * float64(time.Second)))
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
