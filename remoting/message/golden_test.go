package message

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"
)

// golden reads testdata/name: lines "key: hex", with # comments and blanks ignored.
func golden(t testing.TB, name string) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	frames := map[string][]byte{}
	for line := range strings.Lines(string(text)) {
		key, digits, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok || strings.HasPrefix(key, "#") {
			continue
		}
		b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		frames[key] = b
	}
	return frames
}

// everyDamage calls f with every shorter prefix of b and with every single bit flipped.
func everyDamage(b []byte, prefix, flipped func(b []byte)) {
	for n := range b {
		prefix(b[:n:n])
	}
	for bit := range 8 * len(b) {
		c := append([]byte(nil), b...)
		c[bit/8] ^= 1 << (bit % 8)
		flipped(c)
	}
}
