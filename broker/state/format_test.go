package state

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

type field struct {
	offset, size int
	name         string
}

// formatPage reads docs/format/state.md: the text, and the tables below headings that say bytes.
func formatPage(t *testing.T) (text string, tables map[string][]field) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "format", "state.md"))
	if err != nil {
		t.Fatal(err)
	}
	heading := regexp.MustCompile(`^## (.+), (\d+) bytes`)
	cells := regexp.MustCompile(`^\| (\d+) \| (\d+) \| (\w+) \|`)
	tables = map[string][]field{}
	name, end, size := "", 0, 0
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "## ") {
			if name != "" && end != size {
				t.Errorf("%s: fields end at %d of %d bytes", name, end, size)
			}
			name, end = "", 0
		}
		if m := heading.FindStringSubmatch(line); m != nil {
			name = m[1]
			size, _ = strconv.Atoi(m[2])
		}
		if m := cells.FindStringSubmatch(line); m != nil && name != "" {
			at, _ := strconv.Atoi(m[1])
			n, _ := strconv.Atoi(m[2])
			if at != end {
				t.Errorf("%s: %s is at %d, the field before it ends at %d", name, m[3], at, end)
			}
			tables[name] = append(tables[name], field{at, n, m[3]})
			end = at + n
		}
	}
	return string(page), tables
}

// sampleBlock returns the bytes of a sealed block of queue 0x01020304/5 from offset 0x0102.
func sampleBlock(t *testing.T) []byte {
	o := consumequeue.Options{FS: vfs.NewMem(), Dir: "q", TailBytesMax: 1}
	k := consumequeue.Key{Topic: 0x01020304, Queue: 5}
	s, err := consumequeue.Open(o, []consumequeue.Tail{{Key: k, First: 0x0102, Next: 0x0102}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		if _, err := s.Append(k, consumequeue.Unit{Position: 0x1112131415161700 + offset.Physical(i), Size: 0x21222324, TagsCode: 0x3132333435363738}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(s.Flush(s.Freeze()), s.Close()); err != nil {
		t.Fatal(err)
	}
	f, err := o.FS.Open("q/16909060/5/00000000000000000258")
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 51*consumequeue.UnitSize)
	if _, err := f.ReadAt(block, 0); err != nil {
		t.Fatal(err)
	}
	return block
}

// TestFormatPageAgreesWithTheCode encodes a sample of each structure and finds every value where the page says.
func TestFormatPageAgreesWithTheCode(t *testing.T) {
	_, tables := formatPage(t)
	msg := AppendMessage(nil, 0x01020304, 0x1112131415161718, []uint32{9}, testMessage("t", 0x0506, 0x2122232425262728, "x"))[commitlog.SubRecordHeaderSize:]
	metaBytes := appendMeta(nil, &meta{1, 2, 3, 4, 5, 6, DataVersion{7, 8}, DataVersion{9, 10}, 11, 12})
	var image bytes.Buffer
	e := newImageEncoder(&image, 0x0102030405060708)
	e.record(record{3, "key", []byte("value")})
	digest, err := e.finish()
	if err != nil {
		t.Fatal(err)
	}
	block := sampleBlock(t)
	seal := block[1000:]
	sum := crc32.Update(crc32.Checksum(block[:1000], castagnoli), castagnoli, seal[4:])
	long := func(v uint64) string { return hex.EncodeToString(binary.BigEndian.AppendUint64(nil, v)) }

	for name, sample := range map[string]struct {
		bytes []byte
		want  map[string]string
	}{
		"Message": {msg, map[string]string{"topicId": "01020304", "queueId": "00000506", "tagsCode": "1112131415161718", "storeTime": "2122232425262728", "keyCount": "0001", "flags": "0000"}},
		"Meta": {metaBytes, map[string]string{"applied": long(1), "end": long(2), "groupTime": long(3), "wallTime": long(4), "featureLevel": "00000005", "nextTopic": "00000006",
			"topicTimestamp": long(7), "topicCounter": long(8), "groupTimestamp": long(9), "groupCounter": long(10), "retainedIndex": long(11), "retainedEnd": long(12)}},
		"Image header": {image.Bytes(), map[string]string{"magic": hex.EncodeToString([]byte("RMQS")), "version": "0001", "index": "0102030405060708"}},
		"Image record": {image.Bytes()[imageHeaderSize:], map[string]string{"table": "03", "keyLength": "0003", "valueLength": "00000005"}},
		"Image end":    {image.Bytes()[image.Len()-41:], map[string]string{"count": long(1), "digest": hex.EncodeToString(digest[:])}},
		"Unit":         {block, map[string]string{"position": "1112131415161700", "size": "21222324", "tagsCode": "3132333435363738"}},
		"Seal":         {seal, map[string]string{"crc": fmt.Sprintf("%08x", sum), "topicId": "01020304", "queueId": "00000005", "first": long(0x0102)}},
	} {
		fields := tables[name]
		if len(fields) == 0 {
			t.Errorf("%s: no table", name)
		}
		for _, f := range fields {
			want, known := sample.want[f.name]
			if f.name == "zero" {
				want, known = strings.Repeat("00", f.size), true
			}
			if got := hex.EncodeToString(sample.bytes[f.offset : f.offset+f.size]); got != want || !known {
				t.Errorf("%s: %s is %s, want %q", name, f.name, got, want)
			}
			delete(sample.want, f.name)
		}
		if len(sample.want) > 0 {
			t.Errorf("%s: not in the table: %v", name, sample.want)
		}
	}
	if len(metaBytes) != metaSize || messagePrefix != 28 || len(msg) < 28+4 || recordHeader != 7 || imageEndSize+32 != 41 {
		t.Error("a size differs")
	}
}

// TestFormatPageListsKindsAndTables holds the numbers of the page against the constants.
func TestFormatPageListsKindsAndTables(t *testing.T) {
	text, _ := formatPage(t)
	for kind := KindMessage; kind <= KindPutSettings; kind++ {
		if row := fmt.Sprintf("\n| %d | %v |", kind, kind); !strings.Contains(text, row) {
			t.Errorf("no row %q", row)
		}
	}
	for table := tableMeta; table <= tableLast; table++ {
		if row := fmt.Sprintf("\n| %d | %s |", table, tableName(table)); !strings.Contains(text, row) {
			t.Errorf("no row %q", row)
		}
	}
	for _, limit := range []int{nameBytesMax, queuesMax, delayLevelMax, keyBytesMax, settingsMax} {
		with := strconv.Itoa(limit)
		with = with[:len(with)-3] + "," + with[len(with)-3:]
		if !strings.Contains(text, with) {
			t.Errorf("the limit %s is not named", with)
		}
	}
}
