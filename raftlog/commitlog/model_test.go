package commitlog

import (
	"errors"
	"fmt"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

// model is a log as a slice: all[i] has index start.index+i. Entries below first are not retained.
type model struct {
	start place
	all   []Entry
	first offset.Index
}

func newModel() model { return model{start: place{index: 1}, first: 1} }

func (m model) next() offset.Index { return m.start.index + offset.Index(len(m.all)) }

func (m model) position(index offset.Index) offset.Physical {
	pos := m.start.position
	for _, e := range m.all[:index-m.start.index] {
		pos += RecordHeaderSize + offset.Physical(len(e.Data))
	}
	return pos
}

func (m model) append(entries []Entry) model {
	m.all = append(m.all[:len(m.all):len(m.all)], entries...)
	return m
}

func (m model) truncate(from offset.Index) model {
	if from < m.next() {
		m.all = m.all[:from-m.start.index]
	}
	return m
}

func (m model) retain(first offset.Index) model {
	m.first = max(m.first, first)
	return m
}

func (m model) reset(index offset.Index, position offset.Physical) model {
	return model{start: place{index, position}, first: index}
}

func (m model) lastTerm() offset.Term {
	if len(m.all) == 0 {
		return 1
	}
	return m.all[len(m.all)-1].Term
}

// differs returns what is not so in l, nil if l is the model.
func (m model) differs(l *Log) error {
	first, last := m.first, m.next()-1
	if m.first == m.next() {
		first, last = 0, 0
	}
	if l.FirstIndex() != first || l.LastIndex() != last {
		return fmt.Errorf("log holds %d to %d, want %d to %d", l.FirstIndex(), l.LastIndex(), first, last)
	}
	if l.NextPosition() != m.position(m.next()) || l.FirstPosition() != m.position(m.first) || l.NextIndex() != m.next() {
		return fmt.Errorf("positions %d to %d, want %d to %d", l.FirstPosition(), l.NextPosition(), m.position(m.first), m.position(m.next()))
	}
	for _, e := range m.all[m.first-m.start.index:] {
		got, err := l.Entry(e.Index)
		if err != nil {
			return fmt.Errorf("entry %d: %w", e.Index, err)
		}
		if !sameEntry(got, e) {
			return fmt.Errorf("entry %d differs", e.Index)
		}
		data, err := l.DataPosition(e.Index)
		if err != nil || data != m.position(e.Index)+RecordHeaderSize {
			return fmt.Errorf("entry %d is at %d, want %d (%v)", e.Index, data, m.position(e.Index)+RecordHeaderSize, err)
		}
	}
	if _, err := l.Entry(m.first - 1); err != ErrNotFound {
		return fmt.Errorf("entry %d below the first: %v", m.first-1, err)
	}
	if _, err := l.Entry(m.next()); err != ErrNotFound {
		return fmt.Errorf("entry %d beyond the last: %v", m.next(), err)
	}
	return nil
}

// transition is an operation under way: the log is before, or after, or, for an append, holds some of it.
type transition struct {
	before, after model
	prefixes      bool
}

// resolve returns which of the allowed states l is in.
func (t transition) resolve(l *Log) (model, error) {
	if t.prefixes {
		for next := t.after.next(); next >= t.before.next(); next-- {
			if l.NextIndex() == next {
				m := t.after.truncate(next)
				return m, m.differs(l)
			}
		}
	}
	if t.before.differs(l) == nil {
		return t.before, nil
	}
	if err := t.after.differs(l); err != nil {
		return model{}, fmt.Errorf("neither before (%v) nor after (%w)", t.before.differs(l), err)
	}
	return t.after, nil
}

// reopened opens the log on fsys and checks that it is in one of the allowed states; that what Open returned is
// durable, so that a power cut now changes nothing; and that Verify agrees.
func (t transition) reopened(o Options, fsys *vfs.Mem) (model, error) {
	o.FS = fsys
	l, err := Open(o)
	if err != nil {
		return model{}, err
	}
	m, err := t.resolve(l)
	afterCut := fsys.CrashClone(nil)
	if err := errors.Join(err, l.Close()); err != nil {
		return model{}, err
	}
	report, err := Verify(fsys, o.Dir, nil)
	if err != nil || report.TornTail || report.NextPosition != m.position(m.next()) {
		return model{}, fmt.Errorf("verify after close: %+v: %w", report, err)
	}
	o.FS = afterCut
	if l, err = Open(o); err != nil {
		return model{}, fmt.Errorf("after a power cut behind Open: %w", err)
	}
	if err := errors.Join(m.differs(l), l.Close()); err != nil {
		return model{}, fmt.Errorf("after a power cut behind Open: %w", err)
	}
	return m, nil
}
