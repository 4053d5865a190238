package raftlog

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
)

// errTermPassed: the leader that sends an image has been overtaken.
var errTermPassed = errors.New("a newer term is known here")

// serveInstall receives an image and switches this member to it. Raft's own install is not used: it does not reset the last
// index that it keeps in memory, so that a member whose log ends beyond the image livelocks (raft-spike 5.2). Here every
// install stops the raft instance, resets the log, replaces the state and builds the instance anew.
func (n *Node) serveInstall(l *link) {
	l.SetReadDeadline(time.Now().Add(installSilence))
	body, err := readFrame(l.r, frameInstall, smallFileBytesMax)
	if err != nil {
		return
	}
	s := scanner{src: body}
	term := s.uint64()
	m, err := decodeImageMeta(s.src)
	if s.err != nil || err != nil {
		n.logger.Error("image refused", "from", l.from, "error", errors.Join(s.err, err))
		return
	}
	answer := n.receive(l, term, m)
	if answer.code == installRefused {
		n.logger.Warn("image refused", "from", l.from, "index", m.index(), "reason", answer.reason)
	}
	l.send(appendInstallAnswer(nil, answer))
}

// receive returns the last answer to an offered image.
func (n *Node) receive(l *link, term uint64, m *imageMeta) installAnswer {
	if !n.installing.TryLock() {
		return installAnswer{code: installRefused, term: term, reason: "another install is under way"}
	}
	defer n.installing.Unlock()
	wanted, current, err := n.weigh(term, m)
	refuse := func(err error) installAnswer {
		return installAnswer{code: installRefused, term: max(term, current), reason: err.Error()}
	}
	if errors.Is(err, errTermPassed) {
		return installAnswer{code: installRefused, term: current, reason: err.Error()}
	}
	if err != nil {
		return refuse(err)
	}
	if !wanted {
		return installAnswer{code: installDone, term: term}
	}
	if err := l.send(appendInstallAnswer(nil, installAnswer{code: installGoOn, term: term})); err != nil {
		return refuse(err)
	}
	n.logger.Info("receiving image", "from", l.from, "index", m.index(), "bytes", m.stateBytes)
	w, err := n.takeImage(l, m)
	if err != nil {
		return refuse(err)
	}
	stop := n.signLife(l, term)
	err = n.switchTo(w, m)
	stop()
	if err != nil {
		w.Abort()
		return refuse(err)
	}
	n.logger.Info("switched to image", "index", m.index(), "physicalOffset", m.position)
	return installAnswer{code: installDone, term: term}
}

// weigh decides whether an offered image is needed. An image is committed state, so one at or below what is applied here, or
// whose entry the log holds, is already had; the leader goes on with the entry after it.
func (n *Node) weigh(term uint64, m *imageMeta) (wanted bool, current uint64, err error) {
	in := n.running()
	if in == nil {
		return false, term, errUnavailable
	}
	current = in.raft.CurrentTerm()
	if term < current {
		return false, current, fmt.Errorf("term %d: %w", current, errTermPassed)
	}
	if m.index() <= n.store.applier.Applied() || n.store.holds(m.index(), m.boundary.Term) {
		return false, current, nil
	}
	return true, current, nil
}

// takeImage receives the bytes into a temporary directory and checks them.
func (n *Node) takeImage(l *link, m *imageMeta) (*imageWriter, error) {
	w, err := n.store.images.create(m.index())
	if err != nil {
		return nil, err
	}
	if err := receiveChunks(l, w, m.stateBytes); err != nil {
		w.Abort()
		return nil, err
	}
	if err := w.received(m); err != nil {
		w.Abort()
		return nil, err
	}
	return w, nil
}

func receiveChunks(l *link, w io.Writer, bytesMax int64) error {
	buf := make([]byte, chunkBytes)
	for received := int64(0); ; {
		l.SetReadDeadline(time.Now().Add(installSilence))
		kind, size, err := readFrameHeader(l.r, chunkBytes)
		if err != nil {
			return err
		}
		if received += int64(size); kind != frameChunk || received > bytesMax {
			return fmt.Errorf("%w: kind %d, %d bytes of %d", errFrame, kind, received, bytesMax)
		}
		if size == 0 {
			return nil
		}
		if _, err := io.ReadFull(l.r, buf[:size]); err != nil {
			return err
		}
		if _, err := w.Write(buf[:size]); err != nil {
			return err
		}
	}
}

// signLife tells the sender that the switch is still under way, until the returned function is called.
func (n *Node) signLife(l *link, term uint64) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	n.net.wg.Go(func() {
		defer close(ended)
		tick := time.NewTicker(installWorks)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if l.send(appendInstallAnswer(nil, installAnswer{code: installWorking, term: term})) != nil {
					return
				}
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		<-ended
	}
}

// holds reports whether the log has the entry at index with that term.
func (s *storage) holds(index offset.Index, term offset.Term) bool {
	e, err := s.log.Header(index)
	return err == nil && e.Term == term
}
