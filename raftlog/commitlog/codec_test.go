package commitlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"testing"

	"github.com/raftmq/raftmq/internal/offset"
)

func TestBatchRoundTrip(t *testing.T) {
	payloads := []string{"", "one", string(make([]byte, 3000))}
	data := AppendBatchHeader(nil, 3, -5, math.MaxInt64)
	starts := []int{}
	for i, p := range payloads {
		var start int
		data, start = BeginSubRecord(data, uint8(i), 200, uint16(i))
		starts = append(starts, start)
		data = append(data, p...)
		FinishSubRecord(data, start)
	}
	must(t, VerifyBatch(data))
	b, err := DecodeBatch(data)
	if err != nil || b.Count != 3 || b.GroupTime != -5 || b.WallTime != math.MaxInt64 {
		t.Fatalf("%+v, %v", b, err)
	}
	b.Verify = true
	for i, p := range payloads {
		sub, at, ok, err := b.Next()
		if err != nil || !ok || at != starts[i] || string(sub.Payload) != p || sub.Kind != uint8(i) || sub.Version != 200 ||
			sub.Span != uint16(i) || int(sub.Size) != SubRecordHeaderSize+len(p) {
			t.Fatalf("sub-record %d: %+v at %d, %v, %v", i, sub, at, ok, err)
		}
	}
	if _, at, ok, err := b.Next(); ok || err != nil || at != len(data) {
		t.Fatal("after the last:", at, ok, err)
	}
}

func TestBatchErrors(t *testing.T) {
	good := batchOf("payload")
	for name, c := range map[string]struct {
		change func(b []byte) []byte
		want   error
	}{
		"empty":         {func(b []byte) []byte { return nil }, ErrNotBatch},
		"short":         {func(b []byte) []byte { return b[:BatchHeaderSize-1] }, ErrNotBatch},
		"magic":         {func(b []byte) []byte { b[0]++; return b }, ErrNotBatch},
		"version":       {func(b []byte) []byte { b[1]++; return b }, ErrVersion},
		"flags":         {func(b []byte) []byte { b[3]++; return b }, ErrVersion},
		"huge count":    {func(b []byte) []byte { b[4] = 0xff; return b }, ErrLength},
		"count + 1":     {func(b []byte) []byte { b[7]++; return b }, ErrLength},
		"count - 1":     {func(b []byte) []byte { b[7]--; return b }, ErrLength},
		"huge length":   {func(b []byte) []byte { b[BatchHeaderSize] = 0xff; return b }, ErrLength},
		"length - 1":    {func(b []byte) []byte { b[BatchHeaderSize+3]--; return b }, ErrCorrupt},
		"cut":           {func(b []byte) []byte { return b[:len(b)-1] }, ErrLength},
		"trailing":      {func(b []byte) []byte { return append(b, 0) }, ErrLength},
		"payload":       {func(b []byte) []byte { b[len(b)-1]++; return b }, ErrCorrupt},
		"kind":          {func(b []byte) []byte { b[BatchHeaderSize+8]++; return b }, ErrCorrupt},
		"reserved zero": {func(b []byte) []byte { b[BatchHeaderSize+15]++; return b }, ErrCorrupt},
	} {
		if err := VerifyBatch(c.change(bytes.Clone(good))); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestRecordHeaderErrors(t *testing.T) {
	s := newSeed(testGroup)
	e := entryAt(1, 1, 100)
	h := headerOf(&e, nil)
	good := appendHeader(nil, h, s, 500)
	if got, err := decodeHeader(good, s, 500); err != nil || got != h {
		t.Fatalf("%+v, %v", got, err)
	}
	for name, c := range map[string]struct {
		change func(b []byte) []byte
		want   error
	}{
		"short":  {func(b []byte) []byte { return b[:RecordHeaderSize-1] }, ErrLength},
		"type":   {func(b []byte) []byte { b[32] = typeMax + 1; return b }, ErrMagic},
		"flags":  {func(b []byte) []byte { b[33] |= 2; return b }, ErrMagic},
		"zero":   {func(b []byte) []byte { b[34] = 1; return b }, ErrMagic},
		"length": {func(b []byte) []byte { b[4] = 0xff; return b }, ErrLength},
		"index":  {func(b []byte) []byte { b[15]++; return b }, ErrCorrupt},
		"crc":    {func(b []byte) []byte { b[0]++; return b }, ErrCorrupt},
	} {
		if _, err := decodeHeader(c.change(bytes.Clone(good)), s, 500); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := decodeHeader(good, s, 501); !errors.Is(err, ErrCorrupt) {
		t.Error("at another position:", err)
	}
	if _, err := decodeHeader(good, newSeed(testInstance), 500); !errors.Is(err, ErrCorrupt) {
		t.Error("of another group:", err)
	}
}

// TestRecordCRCCoversHeadersOnly: of a batch, the payloads have their own CRCs and are not summed again.
func TestRecordCRCCoversHeadersOnly(t *testing.T) {
	e := entryAt(2, 1, 100)
	h := headerOf(&e, nil)
	if sum, err := slowSum(e.Data); err != nil || h.flags != flagBatch || h.dataCRC != sum {
		t.Fatal("data CRC of a batch")
	}
	e.Type = 1
	if h := headerOf(&e, nil); h.flags != 0 || h.dataCRC != crc32.Checksum(e.Data, castagnoli) {
		t.Fatal("data CRC of another type")
	}
}

func TestSeedMatchesCRCOfItsBytes(t *testing.T) {
	for _, pos := range []offset.Physical{0, 1, 255, 1 << 20, 1 << 40, math.MaxInt64} {
		want := crc32.Checksum(binary.BigEndian.AppendUint64(testGroup[:], uint64(pos)), castagnoli)
		if got := newSeed(testGroup).at(pos); got != want {
			t.Errorf("seed at %d is %08x, want %08x", pos, got, want)
		}
	}
}

func TestFileHeaderErrors(t *testing.T) {
	first := place{5, 77}
	files := map[string]struct {
		good   []byte
		decode func([]byte) error
	}{
		"segment": {appendSegmentHeader(nil, segmentHeader{testGroup, testInstance, first}),
			func(b []byte) error { _, err := decodeSegmentHeader(b); return err }},
		"slot": {appendSideSlot(nil, 3, sideState{group: testGroup}),
			func(b []byte) error { _, _, err := decodeSideSlot(b); return err }},
		"index": {encodeIndex(testGroup, first, 100, []uint32{0, 50}),
			func(b []byte) error { _, err := decodeIndex(b, testGroup, first, place{7, 177}); return err }},
	}
	for name, f := range files {
		must(t, f.decode(f.good))
		for _, c := range []struct {
			name string
			b    []byte
			want error
		}{
			{"short", f.good[:30], ErrLength},
			{"magic", flipped(f.good, 3), ErrMagic},
			{"version", flipped(f.good, 7), ErrVersion},
			{"content", flipped(f.good, 20), ErrCorrupt},
			{"crc", flipped(f.good, map[string]int{"segment": 63, "slot": 119, "index": 52}[name]), ErrCorrupt},
		} {
			if err := f.decode(c.b); !errors.Is(err, c.want) {
				t.Errorf("%s, %s: %v, want %v", name, c.name, err, c.want)
			}
		}
	}
	if _, err := decodeIndex(files["index"].good, testGroup, first, place{7, 178}); !errors.Is(err, errIndexMismatch) {
		t.Error("index of another segment:", err)
	}
}

func flipped(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 0x40
	return b
}

// slowSum is sumBatch by the iterator.
func slowSum(data []byte) (uint32, error) {
	b, err := DecodeBatch(data)
	if err != nil {
		return 0, err
	}
	headers := bytes.Clone(data[:BatchHeaderSize])
	for {
		_, at, ok, err := b.Next()
		if err != nil {
			return 0, err
		}
		if !ok {
			return crc32.Checksum(headers, castagnoli), nil
		}
		headers = append(headers, data[at:at+SubRecordHeaderSize]...)
	}
}

func FuzzDecodeBatch(f *testing.F) {
	f.Add(batchOf())
	f.Add(batchOf("a", "", "longer payload"))
	f.Fuzz(func(t *testing.T, data []byte) {
		err := VerifyBatch(data)
		sum, sumErr := sumBatch(data, nil, false)
		if err == nil && sumErr != nil {
			t.Fatal("a verified batch is not whole")
		}
		if slow, slowErr := slowSum(data); slow != sum || (slowErr == nil) != (sumErr == nil) {
			t.Fatal(sum, sumErr, "want", slow, slowErr)
		}
		if err != nil {
			return
		}
		b, _ := DecodeBatch(data)
		again := AppendBatchHeader(nil, b.Count, b.GroupTime, b.WallTime)
		for {
			sub, at, ok, _ := b.Next()
			if !ok {
				break
			}
			if at != len(again) {
				t.Fatal("offset", at, "want", len(again))
			}
			again = AppendSubRecord(again, sub.Kind, sub.Version, sub.Span, sub.Payload)
		}
		if len(again) != len(data) { // the bytes may differ in the zero field of sub-records
			t.Fatal("encode(decode(x)) has another length")
		}
	})
}

func FuzzDecodeHeader(f *testing.F) {
	e := entryAt(1, 1, 10)
	f.Add(appendHeader(nil, headerOf(&e, nil), newSeed(testGroup), 9), int64(9))
	f.Fuzz(func(t *testing.T, b []byte, pos int64) {
		h, err := decodeHeader(b, newSeed(testGroup), offset.Physical(pos))
		if err == nil && !bytes.Equal(appendHeader(nil, h, newSeed(testGroup), offset.Physical(pos)), b[:RecordHeaderSize]) {
			t.Fatal("encode(decode(x)) differs")
		}
	})
}

func FuzzDecodeFiles(f *testing.F) {
	first, end := place{5, 77}, place{7, 177}
	f.Add(appendSegmentHeader(nil, segmentHeader{testGroup, testInstance, first}))
	f.Add(appendSideSlot(nil, 3, sideState{group: testGroup, intent: intentReset, clean: true}))
	f.Add(encodeIndex(testGroup, first, 100, []uint32{0, 50}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := decodeSegmentHeader(b); err == nil && !bytes.Equal(appendSegmentHeader(nil, h)[:56], b[:56]) {
			t.Fatal("segment header differs")
		}
		if n, s, err := decodeSideSlot(b); err == nil {
			if n2, s2, err := decodeSideSlot(appendSideSlot(nil, n, s)); err != nil || n2 != n || s2 != s {
				t.Fatal("slot differs")
			}
		}
		if o, err := decodeIndex(b, testGroup, first, end); err == nil && !bytes.Equal(encodeIndex(testGroup, first, 100, o), b) {
			t.Fatal("index differs")
		}
	})
}
