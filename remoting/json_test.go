package remoting

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/raftmq/raftmq/remoting/protocol"
)

func TestJSONHeaderIsTolerant(t *testing.T) {
	tests := []struct {
		name, in string
		want     Command
	}{
		{"nothing at all", `{}`, Command{}},
		{"any order, unknown fields", `{"x":{"y":[1,{"z":null}]},"opaque":7,"code":34,"serializeTypeCurrentRPC":"JSON"}`,
			Command{Code: 34, Opaque: 7}},
		{"space around, as C++ ends its header", " \t{ \"code\" : 11 ,\r\n\"flag\":2}\n", Command{Code: 11, Flag: 2}},
		{"nulls", `{"remark":null,"extFields":null,"language":null,"version":null}`, Command{Language: protocol.Other}},
		{"numbers in quotes", `{"code":"105","opaque":"-3"}`, Command{Code: 105, Opaque: -3}},
		{"language as ordinal", `{"language":9}`, Command{Language: protocol.Go}},
		{"unknown language", `{"language":"COBOL"}`, Command{Language: protocol.Other}},
		{"unknown ordinal", `{"language":99}`, Command{Language: protocol.Other}},
		{"every escape", `{"remark":"\"\\\/\b\f\n\r\t\u0041\ud83d\ude00\ud83dx\'"}`,
			Command{Remark: "\"\\/\b\f\n\r\tA😀\uFFFDx'"}},
		{"raw control characters", "{\"remark\":\"a\x01b\nc\"}", Command{Remark: "a\x01b\nc"}},
		{"invalid UTF-8", "{\"remark\":\"a\xffb\"}", Command{Remark: "a\uFFFDb"}},
		{"code beyond 16 bits", `{"code":200050}`, Command{Code: 200050}},
	}
	for _, tt := range tests {
		var got Command
		if err := decodeJSON(tt.in, &got); err != nil || fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%s: %+v, %v", tt.name, got, err)
		}
	}
}

func TestJSONExtFieldsBecomeText(t *testing.T) { // as ali-ons and the C++ client send them
	var c Command
	err := decodeJSON(`{"extFields":{"e":3,"g":1700000000000,"k":false,"x":null,"i":"","s":-1.5E+3,"b":true}}`, &c)
	want := protocol.Fields{{Key: "e", Value: "3"}, {Key: "g", Value: "1700000000000"}, {Key: "k", Value: "false"},
		{Key: "i", Value: ""}, {Key: "s", Value: "-1.5E+3"}, {Key: "b", Value: "true"}}
	if err != nil || fmt.Sprint(c.Ext) != fmt.Sprint(want) {
		t.Errorf("%v, %v", c.Ext, err)
	}
}

func TestJSONHeaderRefuses(t *testing.T) {
	fields := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"key%d":"v"`, i)
		}
		return `{"extFields":{` + b.String()[1:] + `}}`
	}
	nested := func(n int) string { return `{"x":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + `}` }
	for _, ok := range []string{fields(256), nested(16)} {
		if err := decodeJSON(ok, &Command{}); err != nil {
			t.Errorf("%.40s: %v", ok, err)
		}
	}
	for name, in := range map[string]string{
		"nothing":                   ``,
		"no object":                 `[]`,
		"text after":                `{"code":1}x`,
		"an end too early":          `{"code":1`,
		"a string without end":      `{"remark":"abc`,
		"an escape without end":     `{"remark":"abc\`,
		"a broken escape":           `{"remark":"\u12G4"}`,
		"an unknown escape":         `{"remark":"\q"}`,
		"a comma too many":          `{"code":1,}`,
		"a key without quotes":      `{code:1}`,
		"a field of objects":        `{"extFields":{"a":{}}}`,
		"no value":                  `{"code":}`,
		"a code twice":              `{"code":1,"code":2}`,
		"a one-letter field twice":  `{"extFields":{"a":"1","a":"2"}}`,
		"a field twice":             `{"extFields":{"topic":"1","topic":"2"}}`,
		"a code beyond 32 bits":     `{"code":2147483648}`,
		"a code with a fraction":    `{"code":1.5}`,
		"a code that is no number":  `{"code":"abc"}`,
		"a number with leading 0":   `{"extFields":{"a":01}}`,
		"a number that is a sign":   `{"extFields":{"a":-}}`,
		"a word":                    `{"extFields":{"a":nan}}`,
		"257 extFields":             fields(257),
		"nested 17 deep":            nested(17),
		"nested deeper than stacks": strings.Repeat(`{"x":`, 1<<16),
		"a number of a megabyte":    `{"code":` + strings.Repeat("9", 1<<20) + `}`,
	} {
		if err := decodeJSON(in, &Command{}); !errors.Is(err, ErrFrame) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzEncodeJSONIsStandard(f *testing.F) {
	f.Add("key", "value\x01\u2028", "remark\xff")
	f.Fuzz(func(t *testing.T, key, value, remark string) {
		c := Command{Ext: protocol.Fields{{Key: key, Value: value}}, Remark: remark}
		var got struct {
			Remark    string            `json:"remark"`
			ExtFields map[string]string `json:"extFields"`
		}
		valid := func(s string) string { return string([]rune(s)) }
		out := appendJSON(nil, &c)
		if err := json.Unmarshal(out, &got); err != nil || got.ExtFields[valid(key)] != valid(value) || got.Remark != valid(remark) {
			t.Fatalf("%s: %v", out, err)
		}
	})
}

// Every byte is quoted as encoding/json quotes it, wherever it stands between plain ones.
func TestJSONQuotesEveryByte(t *testing.T) {
	for ch := range 256 {
		for at := range 20 {
			s := strings.Repeat("~", at) + string([]byte{byte(ch)}) + strings.Repeat("~", 20-at)
			var got string
			if err := json.Unmarshal(appendQuoted(nil, s), &got); err != nil || got != strings.ToValidUTF8(s, "\uFFFD") {
				t.Fatalf("byte %#x at %d: %q, %v", ch, at, got, err)
			}
		}
	}
}
