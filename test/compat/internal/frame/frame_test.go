package frame

import (
	"bytes"
	"encoding/hex"
	"io"
	"testing"
)

// The compact header of a route request, written down byte by byte from RocketMQSerializable.
const binaryRoute = "00000031" + "0100002d" + "0069" + "09" + "013d" + "00000007" + "00000002" + "00000000" +
	"00000018" + "0005" + "746f706963" + "0000000d" + "54424357313032746f706963aa"

func TestReadTellsBothSerializers(t *testing.T) {
	raw, err := hex.DecodeString(binaryRoute)
	if err != nil {
		t.Fatal(err)
	}
	json := Encode(Header{Code: 105, Opaque: 7, Flag: 2, Version: 317, ExtFields: map[string]string{"topic": "T"}}, []byte("body"))
	r := bytes.NewReader(append(raw, json...))
	for i, binary := range []bool{true, false} {
		f, err := Read(r)
		if err != nil {
			t.Fatalf("frame %d: %v", i, err)
		}
		if f.Code != 105 || f.Opaque != 7 || !f.Oneway() || f.Response() || f.Version != 317 || f.Binary != binary {
			t.Errorf("frame %d: %+v", i, f.Header)
		}
		if f.ExtFields["topic"] == "" {
			t.Errorf("frame %d has no topic: %+v", i, f.Header)
		}
	}
	if _, err := Read(r); err != io.EOF {
		t.Errorf("at the end: %v, want io.EOF", err)
	}
}

func TestEveryShorterPrefixIsAnError(t *testing.T) {
	raw, err := hex.DecodeString(binaryRoute)
	if err != nil {
		t.Fatal(err)
	}
	for n := range raw {
		if _, err := Read(bytes.NewReader(raw[:n])); err == nil {
			t.Errorf("a prefix of %d bytes was read", n)
		}
	}
}

func FuzzParse(f *testing.F) {
	raw, err := hex.DecodeString(binaryRoute)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add(Encode(Header{Code: 17, ExtFields: map[string]string{"a": "b"}}, []byte("x")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if frame, err := Parse(b); err == nil {
			frame.Body()
		}
	})
}
