package commitlog

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
)

var update = flag.Bool("update", false, "rewrite the golden files")

type row struct {
	offset, size int
	field        string
}

// formatTables reads docs/format/commitlog.md: the tables below headings that end in ", N bytes".
func formatTables(t *testing.T) map[string][]row {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "format", "commitlog.md"))
	must(t, err)
	heading := regexp.MustCompile(`^## (.+), (\d+) bytes$`)
	cells := regexp.MustCompile(`^\| (\d+) \| (\d+) \| (\w+) \|`)
	tables := map[string][]row{}
	sizes := map[string]int{}
	name := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "## ") {
			name = ""
		}
		if m := heading.FindStringSubmatch(line); m != nil {
			name = m[1]
			sizes[name], _ = strconv.Atoi(m[2])
		}
		if m := cells.FindStringSubmatch(line); m != nil && name != "" {
			at, _ := strconv.Atoi(m[1])
			size, _ := strconv.Atoi(m[2])
			tables[name] = append(tables[name], row{at, size, m[3]})
		}
	}
	for name, rows := range tables {
		end := 0
		for _, r := range rows {
			if r.offset != end {
				t.Errorf("%s: %s is at %d, the field before it ends at %d", name, r.field, r.offset, end)
			}
			end += r.size
		}
		if end != sizes[name] {
			t.Errorf("%s: fields end at %d of %d bytes", name, end, sizes[name])
		}
	}
	return tables
}

// TestTablesAgreeWithTheCode encodes a sample of each structure and finds every value where the table says.
func TestTablesAgreeWithTheCode(t *testing.T) {
	tables := formatTables(t)
	sub := AppendSubRecord(nil, 0x11, 0x22, 0x3344, []byte("payload"))
	batch := append(AppendBatchHeader(nil, 0x01020304, 0x1112131415161718, 0x2122232425262728), sub...)
	first := place{0x0102030405060708, 0x1112131415161718}
	segment := appendSegmentHeader(nil, segmentHeader{testGroup, testInstance, first})
	record := appendHeader(nil, header{0x02030405, 0x0102030405060708, 0x1112131415161718, 0x2122232425262728, 5, 1, 0x31323334},
		newSeed(testGroup), 77)
	side := appendSideSlot(nil, 0x4142434445464748, sideState{testGroup, first, 0x2122232425262728, 0x3132333435363738, 0x51, intentReset,
		place{0x6162636465666768, 0x7172737475767778}, true})
	index := encodeIndex(testGroup, first, 0x2122232425262728, []uint32{0, 99})
	crc := func(b []byte) string { return fmt.Sprintf("%08x", crc32.Checksum(b, castagnoli)) }
	position := make([]byte, 8)
	position[7] = 77
	seeded := bytes.Join([][]byte{testGroup[:], position, record[4:40]}, nil)
	group, instance := testGroup.String(), testInstance.String()

	for name, sample := range map[string]struct {
		size  int
		bytes []byte
		want  map[string]string
	}{
		"Segment header": {SegmentHeaderSize, segment, map[string]string{
			"magic": "524d514c", "version": "00000001", "group": group, "instance": instance,
			"firstIndex": "0102030405060708", "firstPosition": "1112131415161718", "crc": crc(segment[:60])}},
		"Record header": {RecordHeaderSize, record, map[string]string{
			"crc": crc(seeded), "length": "02030405", "index": "0102030405060708", "term": "1112131415161718",
			"appendedAt": "2122232425262728", "type": "05", "flags": "01", "dataCrc": "31323334"}},
		"Batch envelope": {BatchHeaderSize, batch, map[string]string{
			"magic": "b7", "version": "01", "count": "01020304", "groupTime": "1112131415161718", "wallTime": "2122232425262728"}},
		"Sub-record header": {SubRecordHeaderSize, sub, map[string]string{
			"length": "00000007", "crc": crc(sub[8:]), "kind": "11", "version": "22", "span": "3344"}},
		"Side file slot": {sideSlotSize, side, map[string]string{
			"magic": "524d5153", "version": "00000001", "sequence": "4142434445464748", "group": group,
			"firstIndex": "0102030405060708", "firstPosition": "1112131415161718", "mark": "2122232425262728",
			"lastSegment": "3132333435363738", "window": "0000000000000051", "intent": "02", "clean": "01",
			"targetIndex": "6162636465666768", "targetPosition": "7172737475767778", "crc": crc(side[:116])}},
		"Index file header": {indexHeaderSize, index, map[string]string{
			"magic": "524d5158", "version": "00000001", "group": group, "firstIndex": "0102030405060708",
			"firstPosition": "1112131415161718", "size": "2122232425262728", "count": "00000002",
			"crc": crc(append(bytes.Clone(index[:52]), index[56:]...))}},
	} {
		rows := tables[name]
		if len(rows) == 0 {
			t.Errorf("%s: no table", name)
			continue
		}
		last := rows[len(rows)-1]
		if last.offset+last.size != sample.size {
			t.Errorf("%s: the table has %d bytes, the code %d", name, last.offset+last.size, sample.size)
		}
		for _, r := range rows {
			got := hex.EncodeToString(sample.bytes[r.offset : r.offset+r.size])
			want, known := sample.want[r.field]
			if r.field == "zero" {
				want, known = strings.Repeat("00", r.size), true
			}
			if got != want || !known {
				t.Errorf("%s: %s is %s, want %q", name, r.field, got, want)
			}
			delete(sample.want, r.field)
		}
		if len(sample.want) > 0 {
			t.Errorf("%s: not in the table: %v", name, sample.want)
		}
	}
}

// TestGoldenSegment holds a whole segment file against testdata/segment.hex, made by this code and checked by hand
// against the tables; it must never change while the format version is 1.
func TestGoldenSegment(t *testing.T) {
	h := segmentHeader{testGroup, testInstance, place{41, 1000}}
	got := appendSegmentHeader(nil, h)
	pos := h.first.position
	for _, e := range []Entry{
		{Index: 41, Term: 3, Type: 1},
		{Index: 42, Term: 3, AppendedAt: time.Unix(1_700_000_000, 123), Data: batchOf("first", "second")},
		{Index: 43, Term: 4, Type: 5, AppendedAt: time.Unix(1_700_000_001, 0), Data: []byte("configuration")},
		{Index: 44, Term: 4, Data: []byte("no batch")},
	} {
		got = append(appendHeader(got, headerOf(&e, nil), newSeed(testGroup), pos), e.Data...)
		pos = 1000 + offset.Physical(len(got)-SegmentHeaderSize)
	}
	name := filepath.Join("testdata", "segment.hex")
	if *update {
		must(t, os.WriteFile(name, []byte(hex.Dump(got)), 0o644))
	}
	want, err := os.ReadFile(name)
	must(t, err)
	if hex.Dump(got) != string(want) {
		t.Fatalf("got\n%s\nwant\n%s", hex.Dump(got), want)
	}
}
