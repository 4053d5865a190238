package raftlog

import (
	"bufio"
	"net"
	"sync"
	"time"
)

const (
	dialTimeout     = 2 * time.Second  // dial and handshake together
	progressTimeout = 10 * time.Second // a frame that was begun, or an answer that is owed
	linkBuffer      = 64 << 10
	copyBelow       = 32 << 10 // data up to this size is copied behind its header instead of written from where it lies
)

// link is one authenticated connection to another member. One goroutine reads and one writes.
type link struct {
	net.Conn
	r        *bufio.Reader
	from     ServerID // the other side
	run      uint64   // of its process
	purpose  purpose
	outbound bool
	owner    *network
	once     sync.Once
	head     []byte // scratch of the writer
}

func newLink(owner *network, conn net.Conn, other ServerID, p purpose, outbound bool) *link {
	l := &link{Conn: conn, from: other, purpose: p, outbound: outbound, owner: owner}
	if p != purposeStream {
		l.r = bufio.NewReaderSize(conn, bufferOf(p))
	}
	return l
}

func bufferOf(p purpose) int {
	if p == purposeAppend || p == purposeInstall {
		return linkBuffer
	}
	return 512
}

// Close closes the connection once and forgets it.
func (l *link) Close() error {
	var err error
	l.once.Do(func() {
		l.owner.forget(l)
		err = l.Conn.Close()
	})
	return err
}

// send writes one frame.
func (l *link) send(frame []byte) error {
	l.SetWriteDeadline(time.Now().Add(progressTimeout))
	_, err := l.Write(frame)
	return err
}

// sendWithData writes a frame's head and then the pieces of its data, without copying large ones.
func (l *link) sendWithData(head []byte, pieces net.Buffers, dataBytes int) error {
	l.SetWriteDeadline(time.Now().Add(progressTimeout))
	if dataBytes <= copyBelow {
		for _, p := range pieces {
			head = append(head, p...)
		}
		l.head = head[:0]
		_, err := l.Write(head)
		return err
	}
	l.head = head[:0]
	all := append(net.Buffers{head}, pieces...)
	_, err := all.WriteTo(l.Conn)
	return err
}
