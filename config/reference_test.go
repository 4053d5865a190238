package config

import (
	"bytes"
	"os"
	"testing"
)

// TestReferencePage holds docs/configuration.md against the code. Run with UPDATE=1 to write it.
func TestReferencePage(t *testing.T) {
	const page = "../docs/configuration.md"
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(page, Reference(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, Reference()) {
		t.Errorf("%s is not what the code says; run: UPDATE=1 go test ./config", page)
	}
}
