package commitlog

// roll ends the active segment and begins the next one with a spare that reserve has taken:
//
//  1. what was written so far is published and durable, and the file cut to its content;
//  2. the spare gets its header, fsync, its name, fsync of the directory;
//  3. the side file says that the newest segment begins there, and that everything before is durable;
//  4. readers see the new segment.
//
// After a crash between 2 and 3 an empty segment is there that the side file does not know; after 3 a missing
// one is noticed. Every sealed segment lies below the durable mark.
func (l *Log) roll() error {
	if err := l.commit(); err != nil {
		return err
	}
	if err := l.flush(); err != nil {
		return err
	}
	if err := l.trimActive(); err != nil {
		return err
	}
	next := l.w.spares[0]
	l.w.spares = l.w.spares[1:]
	var seg *segment
	err := l.calls.watch(func() (err error) {
		seg, err = next.become(l.fs, l.opts.Dir, l.segmentHeader(l.next))
		return err
	})
	if err != nil {
		return err
	}
	err = l.updateSide(false, func(s *sideState) {
		s.mark, s.lastSegment = seg.first.position, seg.first.position
	})
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.segments = append(l.segments, seg)
	l.mu.Unlock()
	l.w.active = seg
	l.w.at = SegmentHeaderSize
	l.keeper.nudge()
	return nil
}

// trimActive gives back what was preallocated beyond the last record, if SegmentBytes was larger once.
func (l *Log) trimActive() error {
	seg := l.w.active
	if used := SegmentHeaderSize + seg.size; seg.allocated > used {
		seg.allocated = used
		return l.calls.watch(func() error { return seg.file.Truncate(used) })
	}
	return nil
}

// takeSpare returns the file that the keeper has preallocated, or makes one. ErrFull if there is no space.
func (l *Log) takeSpare() (*spare, error) {
	select {
	case s := <-l.spares:
		return s, nil
	default:
		return l.makeSpare()
	}
}

func (l *Log) makeSpare() (*spare, error) {
	return newSpare(l.fs, l.opts.Dir, l.spareNumber.Add(1), l.opts.SegmentBytes)
}

// returnSpares keeps one of the spares that an append without space has taken and frees the others.
func (l *Log) returnSpares() {
	for _, s := range l.w.spares {
		l.offerSpare(s)
	}
	l.w.spares = nil
}

func (l *Log) offerSpare(s *spare) {
	select {
	case l.spares <- s:
	default:
		s.discard(l.fs)
	}
}

func (l *Log) segmentHeader(first place) segmentHeader {
	return segmentHeader{group: l.opts.Group, instance: l.opts.Instance, first: first}
}
