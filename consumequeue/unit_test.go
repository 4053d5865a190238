package consumequeue

import (
	"bytes"
	"encoding/hex"
	"testing"
)

func TestUnitBytes(t *testing.T) {
	u := Unit{Position: 0x0102030405060708, Size: 0x0A0B0C0D, TagsCode: -2}
	const want = "0102030405060708" + "0a0b0c0d" + "fffffffffffffffe"
	b := AppendUnit(nil, u)
	if got := hex.EncodeToString(b); got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	if got := decodeUnit(b); got != u {
		t.Fatalf("decoded %+v, want %+v", got, u)
	}
}

func TestBlockFindsEveryFlippedBit(t *testing.T) {
	k := Key{Topic: 7, Queue: 3}
	var units []byte
	for i := range blockUnits {
		units = AppendUnit(units, Unit{Position: unitPosition(i), Size: 100, TagsCode: int64(i)})
	}
	b := appendBlocks(nil, k, 150, units)
	if len(b) != blockSize || !bytes.Equal(b[:sealAt], units) {
		t.Fatalf("a block of %d bytes", len(b))
	}
	if !sealed(b, k, 150) {
		t.Fatal("does not fit its own seal")
	}
	for bit := range len(b) * 8 {
		b[bit/8] ^= 1 << (bit % 8)
		if sealed(b, k, 150) {
			t.Fatalf("bit %d flipped unnoticed", bit)
		}
		b[bit/8] ^= 1 << (bit % 8)
	}
	if sealed(b, Key{7, 4}, 150) || sealed(b, Key{8, 3}, 150) || sealed(b, k, 200) {
		t.Error("a block in another place passes")
	}
}

func TestBlockFloor(t *testing.T) {
	for _, c := range []struct{ o, aligned, want int }{
		{0, 0, 0}, {49, 0, 0}, {50, 0, 50}, {120, 50, 100}, {120, 250, 100}, {130, 1217, 117}, {1217, 1217, 1217}, {1216, 1217, 1167},
	} {
		if got := blockFloor(queueOffset(c.o), queueOffset(c.aligned)); got != queueOffset(c.want) {
			t.Errorf("blockFloor(%d, %d) = %d, want %d", c.o, c.aligned, got, c.want)
		}
	}
}
