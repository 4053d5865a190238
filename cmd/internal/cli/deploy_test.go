package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDeployUnitsCallRealCommands parses the command lines of the systemd units with the command tree.
func TestDeployUnitsCallRealCommands(t *testing.T) {
	units, err := filepath.Glob("../../../deploy/*.service")
	if err != nil || len(units) != 2 {
		t.Fatalf("units: %v, %v", units, err)
	}
	for _, unit := range units {
		text, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		line := regexp.MustCompile(`(?m)^ExecStart=/usr/bin/raftmq (.+)$`).FindSubmatch(text)
		if line == nil {
			t.Fatalf("%s has no ExecStart", unit)
		}
		cmd, rest, err := newRoot(Environment{}).Find(strings.Fields(string(line[1])))
		if err != nil {
			t.Fatalf("%s: %v", unit, err)
		}
		if err := cmd.ParseFlags(rest); err != nil {
			t.Errorf("%s: %v", unit, err)
		}
	}
}
