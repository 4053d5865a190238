package message

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestFormatPage holds the table of docs/format/message.md against the constants and against encoded bytes.
func TestFormatPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/format/message.md")
	if err != nil {
		t.Fatal(err)
	}
	constants := map[string]int{
		"totalSize": atTotalSize, "magicCode": atMagic, "bodyCRC": atBodyCRC, "queueId": atQueueID, "flag": atFlag,
		"queueOffset": atQueueOffset, "physicalOffset": atPhysicalOffset, "sysFlag": atSysFlag,
		"bornTimestamp": atBornTimestamp, "bornHost": atBornHost, "storeTimestamp": atStoreTimestamp,
	}
	m := goldenMessage("10.0.0.9:50000", "10.0.0.1:10911")
	lengths := map[string]int{"n": len(m.Body), "t": len(m.Topic), "p": len(m.Properties)}
	next := 0
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, "|")
		if len(cells) != 6 || strings.HasPrefix(cells[1], "---") || strings.TrimSpace(cells[1]) == "field" {
			continue
		}
		field := strings.TrimSpace(cells[1])
		at, size := sum(t, cells[2], lengths), sum(t, cells[3], lengths)
		if want, ok := constants[field]; ok && want != at {
			t.Errorf("%s is at %d in the code, at %d on the page", field, want, at)
		}
		if at != next {
			t.Errorf("%s is at %d on the page, the row before it ends at %d", field, at, next)
		}
		delete(constants, field)
		next = at + size
	}
	if want := len(AppendStored(nil, &m)); next != want || len(constants) != 0 {
		t.Errorf("the table ends at %d, the message at %d; rows missing: %v", next, want, constants)
	}
}

// sum evaluates a cell such as "89+n+t".
func sum(t *testing.T, cell string, lengths map[string]int) (total int) {
	for term := range strings.SplitSeq(strings.TrimSpace(cell), "+") {
		n, ok := lengths[term]
		if !ok {
			var err error
			if n, err = strconv.Atoi(term); err != nil {
				t.Fatalf("cell %q: %v", cell, err)
			}
		}
		total += n
	}
	return total
}
