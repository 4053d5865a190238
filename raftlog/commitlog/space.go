package commitlog

import (
	"fmt"
	"sync"
	"time"
)

// spaceInterval is how long the answer of HasSpace is kept: it is asked for each proposal.
const spaceInterval = 100 * time.Millisecond

type spaceCheck struct {
	mu      sync.Mutex
	checked time.Time
	ok      bool
	remark  string
}

// HasSpace reports whether proposals may be accepted: the next segment is preallocated or can be, and free space
// is above ReserveBytes. The remark names the path and the numbers when it is false. The answer may be 100 ms old.
func (l *Log) HasSpace() (ok bool, remark string) {
	l.space.mu.Lock()
	defer l.space.mu.Unlock()
	if now := time.Now(); l.space.checked.IsZero() || now.Sub(l.space.checked) >= spaceInterval {
		l.space.ok, l.space.remark = l.checkSpace()
		l.space.checked = now
	}
	return l.space.ok, l.space.remark
}

func (l *Log) checkSpace() (ok bool, remark string) {
	_, available, err := l.fs.Usage(l.opts.Dir)
	if err != nil {
		return false, fmt.Sprintf("free space of %s is unknown: %v", l.opts.Dir, err)
	}
	need := l.opts.ReserveBytes
	if len(l.spares) == 0 {
		need += l.opts.SegmentBytes
	}
	if available < need {
		return false, fmt.Sprintf("disk full: %s has %d bytes free, %d are needed", l.opts.Dir, available, need)
	}
	return true, ""
}
