package raftlog

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/raftmq/raftmq/raftlog/commitlog"
)

// Before the first Raft byte both sides prove that they know the secret (design D8). The dialling side proves first, so that
// nobody without the secret gets a code to work on.
//
//	→ hello      u16 length | "RMQH" u8 version u8 purpose nonce[32] group UUID[16] u8+group u8+from u8+to u8+address of from standing
//	← challenge  u16 length | u8 version nonce[32] u8+server id standing
//	→ proof      HMAC-SHA256(secret, "client" hello challenge)
//	← verdict    u16 length | u8 code u8+reason HMAC-SHA256(secret, "server" hello challenge code reason)
//
// A standing is four u64: run, held, term, commit (standing.go). The codes cover both nonces, the group's UUID and both server ids. For the purpose bootstrap the UUID is not compared: an
// empty member proves itself by the secret alone (design D14). What is sent after the handshake is not encrypted.
const (
	handshakeMagic   = "RMQH"
	handshakeVersion = 3
	handshakeMax     = 1024
	nonceBytes       = 32
	handshakeTimeout = 5 * time.Second
)

// purpose says what a connection carries; each has its own, so that none waits behind another.
type purpose uint8

const (
	purposeHeartbeat purpose = iota + 1
	purposeVote              // votes, pre-votes, TimeoutNow
	purposeAppend            // AppendEntries, pipelined or not
	purposeInstall
	purposeBootstrap
	purposeStream
	purposes
)

func (p purpose) String() string {
	return [...]string{"", "heartbeat", "vote", "append", "install", "bootstrap", "stream", ""}[min(p, purposes)]
}

// raft reports whether the connection carries Raft traffic, which the watchdog stops while storage is stalled.
func (p purpose) raft() bool {
	return p == purposeHeartbeat || p == purposeVote || p == purposeAppend
}

type verdictCode uint8

const (
	verdictWelcome verdictCode = iota
	verdictBadProof
	verdictWrongGroup
	verdictWrongUUID
	verdictWrongMember
	verdictUnavailable
	verdictForgot
	verdictTwin
)

// Errors of a handshake as the dialling side sees them.
var (
	errHandshake   = errors.New("handshake")
	errUnavailable = errors.New("member is not ready or its storage is stalled")
	errRemote      = errors.New("member refused the request")
	errWrongMember = errors.New("another instance answers under that name")
	errWrongGroup  = errors.New("member of another group")
	errSecret      = errors.New("secrets differ")
)

var verdictErrors = map[verdictCode]error{
	verdictBadProof:    errSecret,
	verdictWrongGroup:  errWrongGroup,
	verdictWrongUUID:   errWrongGroup,
	verdictWrongMember: errWrongMember,
	verdictUnavailable: errUnavailable,
	verdictForgot:      errForgot,
	verdictTwin:        errTwin,
}

// hello is what the dialling side says of itself. To is a ServerID, or just a name for the purpose bootstrap.
type hello struct {
	purpose  purpose
	nonce    [nonceBytes]byte
	uuid     commitlog.UUID
	group    string
	from, to ServerID
	address  string // where from listens, "" if it does not know
	standing
}

func (h *hello) encode() []byte {
	b := append([]byte(nil), handshakeMagic...)
	b = append(b, handshakeVersion, byte(h.purpose))
	b = append(b, h.nonce[:]...)
	b = append(b, h.uuid[:]...)
	b = appendString(b, h.group)
	b = appendString(b, string(h.from))
	b = appendString(b, string(h.to))
	return appendStanding(appendString(b, h.address), h.standing)
}

func decodeHello(b []byte) (hello, error) {
	s := scanner{src: b}
	if string(s.bytes(len(handshakeMagic))) != handshakeMagic {
		return hello{}, fmt.Errorf("%w: not a member of a group speaks", errHandshake)
	}
	if v := s.uint8(); v != handshakeVersion {
		return hello{}, fmt.Errorf("%w: version %d, this program knows %d", errHandshake, v, handshakeVersion)
	}
	var h hello
	h.purpose = purpose(s.uint8())
	copy(h.nonce[:], s.bytes(nonceBytes))
	copy(h.uuid[:], s.bytes(len(h.uuid)))
	h.group = s.string()
	h.from, h.to = ServerID(s.string()), ServerID(s.string())
	h.address = s.string()
	h.standing = decodeStanding(&s)
	if err := s.end(); err != nil {
		return hello{}, fmt.Errorf("%w: hello: %w", errHandshake, err)
	}
	if h.purpose == 0 || h.purpose >= purposes {
		return hello{}, fmt.Errorf("%w: unknown purpose %d", errHandshake, h.purpose)
	}
	return h, nil
}

type challenge struct {
	nonce [nonceBytes]byte
	id    ServerID
	standing
}

func (c *challenge) encode() []byte {
	b := append([]byte{handshakeVersion}, c.nonce[:]...)
	return appendStanding(appendString(b, string(c.id)), c.standing)
}

func decodeChallenge(b []byte) (challenge, error) {
	s := scanner{src: b}
	if v := s.uint8(); s.err == nil && v != handshakeVersion {
		return challenge{}, fmt.Errorf("%w: version %d, this program knows %d", errHandshake, v, handshakeVersion)
	}
	var c challenge
	copy(c.nonce[:], s.bytes(nonceBytes))
	c.id = ServerID(s.string())
	c.standing = decodeStanding(&s)
	if err := s.end(); err != nil {
		return challenge{}, fmt.Errorf("%w: challenge: %w", errHandshake, err)
	}
	return c, nil
}

func proof(secret []byte, role string, parts ...[]byte) []byte {
	m := hmac.New(sha256.New, secret)
	io.WriteString(m, role)
	for _, p := range parts {
		m.Write(binary.BigEndian.AppendUint32(nil, uint32(len(p))))
		m.Write(p)
	}
	return m.Sum(nil)
}

// greet is the dialling side. It returns what the member that answered says of itself, also when it refuses: it has proved that it knows
// the secret. Deadlines of conn are the caller's.
func greet(conn net.Conn, secret []byte, h hello) (challenge, error) {
	rand.Read(h.nonce[:])
	said := h.encode()
	if err := writeSized(conn, said); err != nil {
		return challenge{}, err
	}
	answered, err := readSized(conn)
	if err != nil {
		return challenge{}, err
	}
	c, err := decodeChallenge(answered)
	if err != nil {
		return challenge{}, err
	}
	if _, err := conn.Write(proof(secret, "client", said, answered)); err != nil {
		return challenge{}, err
	}
	verdict, err := readSized(conn)
	if err != nil {
		return challenge{}, err
	}
	s := scanner{src: verdict}
	code, reason, mac := verdictCode(s.uint8()), s.string(), s.bytes(sha256.Size)
	if err := s.end(); err != nil {
		return challenge{}, fmt.Errorf("%w: verdict: %w", errHandshake, err)
	}
	if code == verdictBadProof || !hmac.Equal(mac, proof(secret, "server", said, answered, []byte{byte(code)}, []byte(reason))) {
		return challenge{}, fmt.Errorf("%w: %w", errHandshake, errSecret)
	}
	if code != verdictWelcome {
		err := verdictErrors[code]
		if err == nil {
			err = errHandshake
		}
		return c, fmt.Errorf("%s: %s: %w", c.id, reason, err)
	}
	return c, nil
}

// receive is the listening side. judge decides on a hello whose sender has proved that it knows the secret.
func receive(conn net.Conn, secret []byte, self challenge, judge func(hello) (verdictCode, string)) (hello, error) {
	said, err := readSized(conn)
	if err != nil {
		return hello{}, err
	}
	h, err := decodeHello(said)
	if err != nil {
		return hello{}, err
	}
	rand.Read(self.nonce[:])
	answered := self.encode()
	if err := writeSized(conn, answered); err != nil {
		return hello{}, err
	}
	var mac [sha256.Size]byte
	if _, err := io.ReadFull(conn, mac[:]); err != nil {
		return hello{}, err
	}
	code, reason := verdictBadProof, "the secrets of the two members differ"
	if hmac.Equal(mac[:], proof(secret, "client", said, answered)) {
		code, reason = judge(h)
	}
	reason = reason[:min(len(reason), 255)]
	verdict := appendString([]byte{byte(code)}, reason)
	if code == verdictBadProof {
		verdict = append(verdict, make([]byte, sha256.Size)...) // nothing computed with the secret for a stranger
	} else {
		verdict = append(verdict, proof(secret, "server", said, answered, []byte{byte(code)}, []byte(reason))...)
	}
	if err := writeSized(conn, verdict); err != nil {
		return hello{}, err
	}
	if code != verdictWelcome {
		return hello{}, fmt.Errorf("%w: %s refused: %s", errHandshake, h.from, reason)
	}
	return h, nil
}

func writeSized(w io.Writer, b []byte) error {
	_, err := w.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
	return err
}

func readSized(r io.Reader) ([]byte, error) {
	var n [2]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return nil, err
	}
	size := int(binary.BigEndian.Uint16(n[:]))
	if size > handshakeMax {
		return nil, fmt.Errorf("%w: message of %d bytes", errHandshake, size)
	}
	b := make([]byte, size)
	_, err := io.ReadFull(r, b)
	return b, err
}
