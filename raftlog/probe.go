package raftlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/raftmq/raftmq/raftlog/commitlog"
)

// On a bootstrap connection a member asks another what it is, and hands it a group.
//
//	→ probe          empty
//	← probe answer   u8 empty, group UUID[16], u8+list hash
//	→ assign         group UUID[16], u8+list hash
//	← assign answer  u8 code (0: it is durable), u8+reason
const bootstrapTimeout = 5 * time.Second

// probeAnswer is what a member says of itself.
type probeAnswer struct {
	id       ServerID // proved in the handshake
	empty    bool
	uuid     commitlog.UUID // zero if it has no group
	listHash string
}

// assignment is a group that an empty member is handed.
type assignment struct {
	uuid     commitlog.UUID
	listHash string
}

// bootstrapCall makes one request on a new bootstrap connection.
func (n *network) bootstrapCall(ctx context.Context, addr string, to ServerID, request []byte, answer frameKind) (ServerID, []byte, error) {
	l, err := n.dialAddress(ctx, addr, to, purposeBootstrap)
	if err != nil {
		return "", nil, err
	}
	defer l.Close()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	if err := l.send(request); err != nil {
		return "", nil, err
	}
	l.SetReadDeadline(time.Now().Add(bootstrapTimeout))
	body, err := readFrame(l.r, answer, smallFrameMax)
	return l.from, body, err
}

// probe asks the member of that name, at whatever instance.
func (n *network) probe(ctx context.Context, p Peer) (probeAnswer, error) {
	id, body, err := n.bootstrapCall(ctx, p.Address, ServerID(p.Name), endFrame(appendFrameHeader(nil, frameProbe), 0), frameProbeAnswer)
	if err != nil {
		return probeAnswer{}, err
	}
	a, err := decodeProbeAnswer(body)
	a.id = id
	return a, err
}

// assign hands a group to a member; when it returns nil the member has made it durable.
func (n *network) assign(ctx context.Context, addr string, to ServerID, a assignment) error {
	_, body, err := n.bootstrapCall(ctx, addr, to, appendAssign(nil, a), frameAssignAnswer)
	if err != nil {
		return err
	}
	s := scanner{src: body}
	code, reason := s.uint8(), s.string()
	if err := s.end(); err != nil {
		return err
	}
	if code != 0 {
		return errors.New(reason)
	}
	return nil
}

func appendAssign(b []byte, a assignment) []byte {
	b = append(appendFrameHeader(b, frameAssign), a.uuid[:]...)
	return endFrame(appendString(b, a.listHash), 0)
}

func decodeAssign(body []byte) (assignment, error) {
	s := scanner{src: body}
	var a assignment
	copy(a.uuid[:], s.bytes(len(a.uuid)))
	a.listHash = s.string()
	return a, s.end()
}

func appendProbeAnswer(b []byte, a probeAnswer) []byte {
	b = append(appendFrameHeader(b, frameProbeAnswer), boolByte(a.empty))
	b = append(b, a.uuid[:]...)
	return endFrame(appendString(b, a.listHash), 0)
}

func decodeProbeAnswer(body []byte) (probeAnswer, error) {
	s := scanner{src: body}
	a := probeAnswer{empty: s.uint8() != 0}
	copy(a.uuid[:], s.bytes(len(a.uuid)))
	a.listHash = s.string()
	return a, s.end()
}

// serveBootstrap answers on a bootstrap connection.
func (n *Node) serveBootstrap(l *link) {
	for {
		l.SetReadDeadline(time.Now().Add(bootstrapTimeout))
		kind, size, err := readFrameHeader(l.r, smallFrameMax)
		if err != nil {
			return
		}
		body := make([]byte, size)
		if _, err := io.ReadFull(l.r, body); err != nil {
			return
		}
		answer, err := n.bootstrapAnswer(l.from, kind, body)
		if err != nil || l.send(answer) != nil {
			return
		}
	}
}

func (n *Node) bootstrapAnswer(from ServerID, kind frameKind, body []byte) ([]byte, error) {
	switch kind {
	case frameProbe:
		id := n.dir.identity()
		return appendProbeAnswer(nil, probeAnswer{empty: n.empty(), uuid: id.group(), listHash: listHash(n.opts.Peers)}), nil
	case frameAssign:
		a, err := decodeAssign(body)
		if err != nil {
			return nil, err
		}
		b := appendFrameHeader(nil, frameAssignAnswer)
		if err := n.accept(a); err != nil {
			n.logger.Warn("group refused", "from", from, "error", err)
			reason := err.Error()
			return endFrame(appendString(append(b, 1), reason[:min(len(reason), 255)]), 0), nil
		}
		n.logger.Info("was handed a group", "from", from, "group", n.opts.Group)
		return endFrame(appendString(append(b, 0), ""), 0), nil
	}
	return nil, fmt.Errorf("%w: kind %d on a bootstrap connection", errFrame, kind)
}
