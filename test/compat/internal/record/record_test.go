package record

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/raftmq/raftmq/test/compat/internal/frame"
)

// serve answers every request with code 17 and sends one request of its own first.
func serve(t *testing.T, ln net.Listener) {
	conn, err := ln.Accept()
	if err != nil {
		return
	}
	defer conn.Close()
	conn.Write(frame.Encode(frame.Header{Code: 40, Opaque: 1, Flag: 2}, nil))
	for {
		f, err := frame.Read(conn)
		if err != nil {
			return
		}
		conn.Write(frame.Encode(frame.Header{Code: 17, Opaque: f.Opaque, Flag: 1}, f.Body()))
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

func TestRelayPassesBytesAndFilesFrames(t *testing.T) {
	server, ln, book := listen(t), listen(t), NewBook()
	go serve(t, server)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	relay := Relay{Listener: ln, Target: server.Addr().String(), Book: book}
	go func() { done <- relay.Run(ctx) }()

	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if notice, err := frame.Read(conn); err != nil || notice.Code != 40 {
		t.Fatalf("notice: %+v, %v", notice.Header, err)
	}
	if _, err := conn.Write(frame.Encode(frame.Header{Code: 105, Opaque: 1}, []byte("payload"))); err != nil {
		t.Fatal(err)
	}
	answer, err := frame.Read(conn)
	if err != nil || !bytes.Equal(answer.Body(), []byte("payload")) {
		t.Fatalf("answer: %+v, %v", answer.Header, err)
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after the end: %v, want io.EOF", err)
	}

	dir := t.TempDir()
	if _, err := Write(dir, "test", book); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"105-get_routeinfo_by_topic-request.hex", "105-get_routeinfo_by_topic-response-17.hex",
		"40-notify_consumer_ids_changed-callback-request.hex",
	} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !strings.HasPrefix(string(text), "# origin: test\n") {
			t.Errorf("%s: %.40q, %v", name, text, err)
		}
	}
	if n := len(book.Frames()); n != 3 {
		t.Errorf("%d kinds, want 3: the server's opaque 1 is not the client's", n)
	}
}

func TestRelayPassesWhatIsNoFrame(t *testing.T) {
	var out bytes.Buffer
	in := append(frame.Encode(frame.Header{Code: 1}, nil), "\x16\x03\x01 a client hello, not a frame"...)
	copyFrames(&out, bytes.NewReader(in), func(frame.Frame) {})
	if !bytes.Equal(out.Bytes(), in) {
		t.Errorf("passed %q, want %q", out.Bytes(), in)
	}
}
