package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/raftmq/raftmq/test/compat/internal/frame"
)

// Write stores the book's frames in dir, one file for each kind:
//
//	<code>-<name>-request.hex
//	<code>-<name>-response.hex            the answer with code 0
//	<code>-<name>-response-<code>.hex     any other answer
//
// with "callback-" before the last part if the server asked and the client answered.
// Existing files are replaced. Origin says which programs produced the frames.
func Write(dir, origin string, b *Book) (int, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, err
	}
	frames := b.Frames()
	for kind, f := range frames {
		path := filepath.Join(dir, kind.fileName())
		if err := os.WriteFile(path, golden(kind, origin, f), 0o644); err != nil {
			return 0, err
		}
	}
	return len(frames), nil
}

func (k Kind) fileName() string {
	name := fmt.Sprintf("%d-%s", k.Request, codeName(k.Request))
	if k.FromServer != k.Response {
		name += "-callback"
	}
	switch {
	case !k.Response:
		return name + "-request.hex"
	case k.ResponseCode == 0:
		return name + "-response.hex"
	}
	return fmt.Sprintf("%s-response-%d.hex", name, k.ResponseCode)
}

// golden is the text of one file: comments, then the frame in lines of 32 bytes.
func golden(k Kind, origin string, f frame.Frame) []byte {
	var text bytes.Buffer
	sender := "client"
	if k.FromServer {
		sender = "server"
	}
	fmt.Fprintf(&text, "# origin: %s\n# request-code: %d\n# sender: %s\n# header: %s\n", origin, k.Request, sender, describe(f))
	for raw := f.Raw; len(raw) > 0; {
		n := min(32, len(raw))
		fmt.Fprintf(&text, "%x\n", raw[:n])
		raw = raw[n:]
	}
	return text.Bytes()
}

// describe is the header in one line, for people.
func describe(f frame.Frame) string {
	text, err := json.Marshal(f.Header)
	if err != nil {
		panic(err) // strings and integers only
	}
	return fmt.Sprintf("%s, body of %d bytes", text, len(f.Body()))
}
