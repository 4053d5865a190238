package remoting

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/raftmq/raftmq/remoting/protocol"
)

// golden reads testdata/frames.hex: lines "name: hex", with # comments.
func golden(t testing.TB) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile("testdata/frames.hex")
	if err != nil {
		t.Fatal(err)
	}
	frames := map[string][]byte{}
	for line := range strings.Lines(string(text)) {
		name, digits, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		b, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		frames[name] = b
	}
	return frames
}

func TestFramesGolden(t *testing.T) {
	topic := protocol.Fields{{Key: "topic", Value: "TopicA"}}
	want := map[string]Command{
		"java-json":       {Code: 105, Version: 477, Opaque: 1, Ext: topic},
		"java-binary":     {Code: 105, Version: 477, Opaque: 1, Ext: topic, Serialize: RocketMQ},
		"go-json":         {Code: 105, Version: 317, Opaque: 1, Ext: topic, Language: protocol.Go},
		"go-binary":       {Code: 105, Version: 317, Opaque: 1, Ext: topic, Language: protocol.Go, Serialize: RocketMQ},
		"node-json":       {Code: 105, Version: 121, Opaque: 1, Ext: topic},
		"response-json":   {Code: 17, Version: 477, Opaque: 1, Flag: FlagResponse, Remark: "no route"},
		"response-binary": {Code: 17, Version: 477, Opaque: 1, Flag: FlagResponse, Remark: "no route", Serialize: RocketMQ},
	}
	frames := golden(t)
	if len(frames) != len(want) {
		t.Errorf("%d golden frames, want %d", len(frames), len(want))
	}
	for name, frame := range frames {
		got, size, err := DecodeFrame(append(bytes.Clone(frame), 0xFF), Limits{})
		if w := want[name]; err != nil || size != len(frame) || !reflect.DeepEqual(got, w) {
			t.Errorf("%s: %+v, %d, %v", name, got, size, err)
		}
		again, err := AppendFrame(nil, &got)
		if err != nil || got.Serialize == RocketMQ && !bytes.Equal(again, frame) {
			t.Errorf("%s encodes to\n%x, %v, want\n%x", name, again, err, frame)
		}
		back, _, err := DecodeFrame(again, Limits{})
		if err != nil || !reflect.DeepEqual(back, got) {
			t.Errorf("%s encodes to %q", name, again)
		}
	}
}

func TestFrameDamage(t *testing.T) {
	for name, frame := range golden(t) {
		for n := range frame {
			if _, _, err := DecodeFrame(frame[:n], Limits{}); err != io.ErrUnexpectedEOF {
				t.Errorf("%s: prefix of %d bytes: %v", name, n, err)
			}
		}
		for bit := range 8 * len(frame) {
			damaged := bytes.Clone(frame)
			damaged[bit/8] ^= 1 << (bit % 8)
			DecodeFrame(damaged, Limits{})
		}
	}
}

func TestJSONHeaderAsWeEmitIt(t *testing.T) {
	tests := []struct {
		c    Command
		want string
	}{
		{Command{Code: 105, Version: 479, Opaque: 3, Ext: protocol.Fields{{Key: "topic", Value: "a\x01\"\\é\xff"}}},
			`{"code":105,"extFields":{"topic":"a\u0001\"\\é` + "\uFFFD" + `"},"flag":0,"language":"JAVA","opaque":3,"version":479}`},
		{Command{Code: 1, Version: 479, Flag: 1, Opaque: -1, Remark: "line\nline", Language: protocol.NodeJS},
			`{"code":1,"extFields":{},"flag":1,"language":"NODE_JS","opaque":-1,"remark":"line\u000aline","version":479}`},
	}
	for _, tt := range tests {
		frame, err := AppendFrame(nil, &tt.c)
		if got := string(frame[8:]); err != nil || got != tt.want {
			t.Errorf("%s, %v, want\n%s", got, err, tt.want)
		}
	}
}

func TestBinaryRefusesWhatDoesNotFit(t *testing.T) {
	for name, c := range map[string]Command{
		"a pop code":        {Code: 200050},
		"a version":         {Version: 1 << 15},
		"a key of 32 KiB":   {Ext: protocol.Fields{{Key: strings.Repeat("k", 1<<15), Value: "v"}}},
		"a header of 16 Mi": {Remark: strings.Repeat("r", 1<<24)},
	} {
		c.Serialize = RocketMQ
		if out, err := AppendFrame([]byte("kept"), &c); !errors.Is(err, ErrUnencodable) || string(out) != "kept" {
			t.Errorf("%s: %d bytes, %v", name, len(out), err)
		}
	}
}

func TestFrameRoundTrip(t *testing.T) {
	text := rapid.StringN(0, 20, 60)
	rapid.Check(t, func(t *rapid.T) {
		c := Command{
			Code: int32(rapid.Int16().Draw(t, "code")), Language: protocol.Language(rapid.IntRange(0, 13).Draw(t, "language")),
			Version: int32(rapid.Int16().Draw(t, "version")), Opaque: rapid.Int32().Draw(t, "opaque"),
			Flag: rapid.Int32().Draw(t, "flag"), Remark: text.Draw(t, "remark"),
			Serialize: SerializeType(rapid.IntRange(0, 1).Draw(t, "serialize")),
		}
		for k, v := range rapid.MapOfN(text, text, 0, 30).Draw(t, "ext") {
			c.Ext = append(c.Ext, protocol.Field{Key: k, Value: v})
		}
		if body := rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(t, "body"); len(body) > 0 {
			c.Body = body
		}
		frame, err := AppendFrame(nil, &c)
		if err != nil {
			t.Fatal(err)
		}
		got, size, err := DecodeFrame(frame, Limits{})
		if err != nil || size != len(frame) || !reflect.DeepEqual(got, c) {
			t.Fatalf("%+v, %v, want %+v", got, err, c)
		}
	})
}

func FuzzDecodeFrame(f *testing.F) {
	for _, frame := range golden(f) {
		f.Add(frame)
	}
	send := Command{Code: 310, Ext: sendFields(), Body: []byte("hello")}
	frame, _ := AppendFrame(nil, &send)
	f.Add(frame)
	f.Fuzz(func(t *testing.T, b []byte) {
		c, size, err := DecodeFrame(b, Limits{})
		if err != nil {
			return
		}
		again, err := AppendFrame(nil, &c)
		if err != nil {
			return // a JSON header may bring more than 16 bits
		}
		back, _, err := DecodeFrame(again, Limits{HeaderBytes: 1 << 24, FrameBytes: 1 << 30})
		if size > len(b) || err != nil || !equalCommands(back, c) {
			t.Fatalf("%+v\nencodes and decodes to\n%+v, %v", c, back, err)
		}
	})
}

// equalCommands compares after encoding, which replaces invalid UTF-8 in JSON and unknown languages.
func equalCommands(a, b Command) bool {
	if b.Serialize == JSON && int(b.Language) > int(protocol.NodeJS) {
		a.Language = b.Language
	}
	if len(a.Ext) == 0 && len(b.Ext) == 0 {
		a.Ext, b.Ext = nil, nil
	}
	return reflect.DeepEqual(a, b)
}

func FuzzDecodeJSONHeader(f *testing.F) {
	for name, frame := range golden(f) {
		if strings.HasSuffix(name, "json") {
			f.Add(string(frame[8:]))
		}
	}
	f.Add(`{"code":10,"extFields":{"a":1,"b":true,"c":null,"d":"\ud83d\ude00\n"},"x":[{"y":[1,-2.5e+3]}],"language":9} ` + "\n")
	f.Fuzz(func(t *testing.T, s string) {
		var c, back Command
		if decodeJSON(s, &c) != nil {
			return
		}
		again := appendJSON(nil, &c)
		if err := decodeJSON(string(again), &back); err != nil || !equalCommands(back, c) {
			t.Fatalf("%q is %+v\nencodes to %s, %v", s, c, again, err)
		}
	})
}

func FuzzDecodeBinaryHeader(f *testing.F) {
	for name, frame := range golden(f) {
		if strings.HasSuffix(name, "binary") {
			f.Add(string(frame[8:]))
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		var c Command
		if decodeBinary(s, &c) != nil {
			return
		}
		if again, err := appendBinary(nil, &c); err != nil || string(again) != s {
			t.Fatalf("%q is %+v\nencodes to %q, %v", s, c, again, err)
		}
	})
}
