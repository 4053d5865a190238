package raftlog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/raft"

	"github.com/raftmq/raftmq/internal/offset"
)

// An install is a conversation on a connection of its own:
//
//	→ install   u64 term, meta of the image
//	← answer    go on | done: the log holds that entry already | refused
//	→ chunk …   bytes of the state; an empty chunk ends them
//	← answer …  working, at least each second while the receiver switches; then done | refused
//
// An answer is u8 code, u64 term, u8+reason.
type installCode uint8

const (
	installGoOn installCode = iota
	installDone
	installRefused
	installWorking
)

const (
	chunkBytes     = 256 << 10
	installWorks   = time.Second      // between two signs of life while the receiver switches
	installSilence = 30 * time.Second // without a byte or a sign of life the other side is given up
)

type installAnswer struct {
	code   installCode
	term   uint64
	reason string
}

func appendInstallAnswer(b []byte, a installAnswer) []byte {
	b = append(appendFrameHeader(b, frameInstallAnswer), byte(a.code))
	b = binary.BigEndian.AppendUint64(b, a.term)
	return endFrame(appendString(b, a.reason[:min(len(a.reason), 255)]), 0)
}

func readInstallAnswer(l *link) (installAnswer, error) {
	l.SetReadDeadline(time.Now().Add(installSilence))
	body, err := readFrame(l.r, frameInstallAnswer, smallFrameMax)
	if err != nil {
		return installAnswer{}, err
	}
	s := scanner{src: body}
	a := installAnswer{code: installCode(s.uint8()), term: s.uint64(), reason: s.string()}
	return a, s.end()
}

// imageSender streams images to members that are too far behind for the log.
type imageSender struct {
	pins  *pins
	moves func(to ServerID) // called whenever an installation goes on
}

// send offers the image that raft opened, streams it if it is wanted, and returns when the receiver has switched to it.
func (s *imageSender) send(ctx context.Context, l *link, a *raft.InstallSnapshotRequest, r *raft.InstallSnapshotResponse, data io.Reader) error {
	image, ok := data.(*openImage)
	if !ok {
		return fmt.Errorf("BUG: raft sends a snapshot of type %T", data)
	}
	s.pins.pin(l.from, offset.Index(a.LastLogIndex))
	head := binary.BigEndian.AppendUint64(appendFrameHeader(nil, frameInstall), a.Term)
	if err := l.send(endFrame(append(head, image.meta.encode()...), 0)); err != nil {
		return err
	}
	answer, err := readInstallAnswer(l)
	if err != nil {
		return err
	}
	if answer.code == installGoOn {
		if answer, err = s.stream(ctx, l, image); err != nil {
			return err
		}
	}
	r.Term, r.Success = answer.term, answer.code == installDone
	if answer.code == installRefused && answer.term <= a.Term {
		return fmt.Errorf("%w: image %d: %s", errRemote, image.meta.index(), answer.reason)
	}
	return nil
}

func (s *imageSender) stream(ctx context.Context, l *link, image *openImage) (installAnswer, error) {
	buf := make([]byte, frameHeaderBytes+chunkBytes)
	for ended := false; !ended; s.moves(l.from) {
		if err := ctx.Err(); err != nil {
			return installAnswer{}, err
		}
		n, err := io.ReadFull(image, buf[frameHeaderBytes:])
		ended = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !ended {
			return installAnswer{}, err
		}
		if n > 0 {
			if err := l.send(chunk(buf[:frameHeaderBytes+n])); err != nil {
				return installAnswer{}, err
			}
		}
	}
	if err := l.send(chunk(buf[:frameHeaderBytes])); err != nil {
		return installAnswer{}, err
	}
	for {
		answer, err := readInstallAnswer(l)
		if err != nil || answer.code != installWorking {
			return answer, err
		}
		s.moves(l.from)
	}
}

// chunk makes a frame of a buffer whose first bytes have room for the header.
func chunk(b []byte) []byte {
	appendFrameHeader(b[:0], frameChunk)
	return endFrame(b, 0)
}
