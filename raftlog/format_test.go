package raftlog

import (
	"encoding/binary"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// formatPage returns the rows of the tables below a heading of docs/format/member.md, without the header lines.
func formatPage(t *testing.T, heading string) (rows [][]string) {
	t.Helper()
	page, err := os.ReadFile("../docs/format/member.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(page), "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("no section %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	for _, line := range regexp.MustCompile(`(?m)^\|.*\|$`).FindAllString(section, -1) {
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if !strings.HasPrefix(cells[0], "---") {
			rows = append(rows, cells)
		}
	}
	return rows
}

func TestTheImageTableIsWhatIsWritten(t *testing.T) {
	m := testImageMeta()
	b := m.encode()
	want := map[string]uint64{
		"version": 1, "index": uint64(m.boundary.Index), "term": uint64(m.boundary.Term), "position": uint64(m.position), "appendedAt": 77,
		"type": 0, "configurationIndex": uint64(m.membership.Index), "stateBytes": uint64(m.stateBytes), "zero": 0,
		"configurationLength": uint64(len(b) - imageFixedBytes - len(m.boundary.Data)),
	}
	next := 0
	for _, row := range formatPage(t, "Image meta, 96 bytes")[1:] {
		offset, errO := strconv.Atoi(row[0])
		size, errS := strconv.Atoi(row[1])
		if errO != nil || errS != nil || offset != next {
			t.Fatalf("row %q: offset %d follows %d", row, offset, next)
		}
		next = offset + size
		field := b[offset:next]
		switch row[2] {
		case "magic":
			if string(field) != imageMagic {
				t.Errorf("magic %q", field)
			}
		case "sum":
			if string(field) != string(m.sum[:]) {
				t.Errorf("sum %x", field)
			}
		default:
			value, ok := want[row[2]]
			if got := binary.BigEndian.Uint64(append(make([]byte, 8-size), field...)); !ok || got != value {
				t.Errorf("%s is %d, want %d", row[2], got, value)
			}
		}
	}
	if next != imageFixedBytes {
		t.Errorf("the table ends at %d", next)
	}
}

func TestTheCodesOfThePageAreThoseOfTheCode(t *testing.T) {
	kinds := map[string]frameKind{
		"append": frameAppend, "append answer": frameAppendAnswer, "heartbeat": frameHeartbeat, "vote": frameVote, "pre-vote": framePreVote,
		"vote answer": frameVoteAnswer, "TimeoutNow": frameTimeoutNow, "TimeoutNow answer": frameTimeoutNowAnswer, "install": frameInstall,
		"install answer": frameInstallAnswer, "chunk": frameChunk, "probe": frameProbe, "probe answer": frameProbeAnswer, "assign": frameAssign, "assign answer": frameAssignAnswer,
	}
	rows := formatPage(t, "Frames")[1:]
	if len(rows) != len(kinds) {
		t.Errorf("%d kinds of frames on the page, %d in the code", len(rows), len(kinds))
	}
	for _, row := range rows {
		if code, err := strconv.Atoi(row[1]); err != nil || kinds[row[0]] != frameKind(code) {
			t.Errorf("frame %s has code %s on the page and %d in the code", row[0], row[1], kinds[row[0]])
		}
	}
	found := 0
	for _, row := range formatPage(t, "Handshake") {
		for p := purposeHeartbeat; p < purposes; p++ {
			if row[0] != p.String() {
				continue
			}
			found++
			if row[1] != strconv.Itoa(int(p)) {
				t.Errorf("purpose %s has code %s on the page and %d in the code", p, row[1], p)
			}
		}
	}
	if found != int(purposes)-1 {
		t.Errorf("%d purposes on the page", found)
	}
}
