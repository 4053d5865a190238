package fastjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestStandard(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"standard stays", `{"a":[1,-2.5e+3,"x",true,false,null,{}],"b":{"c":[]}}`, ``},
		{"space goes", " { \"a\" : [ 1 ,\t2 ] }\r\n", `{"a":[1,2]}`},
		{"integer keys", `{"brokerAddrs":{0:"10.0.0.1:10911",1:"10.0.0.2:10911"}}`, `{"brokerAddrs":{"0":"10.0.0.1:10911","1":"10.0.0.2:10911"}}`},
		{"negative and bare keys", `{-1:1,abc:2,$x:3}`, `{"-1":1,"abc":2,"$x":3}`},
		{"object keys", `{"t":{{"brokerName":"a","queueId":0}:5,{"brokerName":"a","queueId":1}:{"x":1}}}`,
			`{"t":{"{\"brokerName\":\"a\",\"queueId\":0}":5,"{\"brokerName\":\"a\",\"queueId\":1}":{"x":1}}}`},
		{"single quotes", `{'a':'b"c','d':"e'f"}`, `{"a":"b\"c","d":"e'f"}`},
		{"trailing commas", `{"a":[1,2,],}`, `{"a":[1,2]}`},
		{"NaN", `{"tps":NaN}`, `{"tps":null}`},
		{"escapes", `"\"\\\/\b\f\n\r\t\v\'\0\7\x41\u00e9\ud83d\ude00\ud83d!"`, "\"\\\"\\\\/\\u0008\\u000c\\u000a\\u000d\\u0009\\u000b'\\u0000\\u0007Aé😀\uFFFD!\""},
		{"raw control characters", "\"a\x01\"", `"a\u0001"`},
		{"a reference", `{"statsDay":{"sum":1},"statsHour":{"$ref":"$.statsDay"}}`, `{"statsDay":{"sum":1},"statsHour":{"sum":1}}`},
		{"a reference into an array", `{"a":[7,{"x":[1,2]}],"b":{"$ref":"$.a[1].x"}}`, `{"a":[7,{"x":[1,2]}],"b":[1,2]}`},
		{"a reference to a reference", `{"a":{"x":1},"b":{"$ref":"$.a"},"c":{"$ref":"$.b"}}`, `{"a":{"x":1},"b":{"x":1},"c":{"x":1}}`},
		{"a reference with escapes", `{"a":{"%RETRY%g.x":{"y":1}},"b":{"$ref":"$.a.\\%RETRY\\%g\\.x"}}`, `{"a":{"%RETRY%g.x":{"y":1}},"b":{"y":1}}`},
		{"a reference inside its own object's siblings", `{"a":[{"x":1},{"$ref":"$.a[0]"}]}`, `{"a":[{"x":1},{"x":1}]}`},
		{"$ref as a later key", `{"a":1,"$ref":"$.a"}`, ``},
	}
	for _, tt := range tests {
		want := tt.want
		if want == "" {
			want = tt.in
		}
		got, err := Standard([]byte(tt.in), Limits{})
		if err != nil || string(got) != want || !json.Valid(got) {
			t.Errorf("%s: %s, %v", tt.name, got, err)
		}
	}
}

func TestStandardRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"nothing": ``, "an open object": `{"a":1`, "an open array": `[1`, "an open string": `"abc`, "an open escape": `"abc\`,
		"a bad escape": `"\q"`, "a short unit": `"\u12"`, "text after": `{}x`, "a leading zero": `01`, "a word": `nope`,
		"no colon": `{"a" 1}`, "no key": `{:1}`, "no value": `{"a":}`, "two commas": `[1,,2]`, "the wrong bracket": `{"a":[1}]`,
		"a reference to nothing": `{"a":1,"b":{"$ref":"$.x"}}`, "a cycle": `{"a":{"b":{"$ref":"$.a"}}}`, "the root": `{"a":{"$ref":"$"}}`,
		"the parent": `{"a":{"$ref":".."}}`, "no path": `{"$ref":1}`, "a reference with more": `{"a":1,"b":{"$ref":"$.a","c":1}}`,
		"a path without end": `{"a":[1],"b":{"$ref":"$.a[0"}}`, "a bad path": `{"a":[1],"b":{"$ref":"$a"}}`,
	} {
		if out, err := Standard([]byte(in), Limits{}); !errors.Is(err, ErrSyntax) {
			t.Errorf("%s: %s, %v", name, out, err)
		}
	}
}

func TestLimits(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	list := func(n int) string { return "[" + strings.Repeat("1,", n-1) + "1]" }
	bomb := `{"a0":["xxxxxxxxxx"]`
	for i := range 40 {
		bomb += fmt.Sprintf(`,"a%d":[{"$ref":"$.a%d"},{"$ref":"$.a%d"}]`, i+1, i, i)
	}
	deep := `{"a0":{}`
	for i := range 20 {
		deep += fmt.Sprintf(`,"a%d":{"x":{"$ref":"$.a%d"}}`, i+1, i)
	}
	tests := []struct {
		name, in string
		ok       bool
	}{
		{"16 deep", nested(16), true},
		{"17 deep", nested(17), false},
		{"a million deep", nested(1 << 20), false},
		{"object keys a million deep", strings.Repeat("{", 1<<20), false},
		{"1,000 values", list(999), true},
		{"1,001 values", list(1000), false},
		{"references that double", bomb + "}", false},
		{"references that nest", deep + "}", false},
	}
	for _, tt := range tests {
		_, err := Standard([]byte(tt.in), Limits{Values: 1000})
		if tt.ok != (err == nil) || !tt.ok && !errors.Is(err, ErrLimit) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func FuzzStandard(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e+3,"x\u0041",true,null],"b":{"$ref":"$.a"}}`, `{{"q":0}:5,'x':NaN,1:2,}`, `{"a":{"b":1},"c":[{"$ref":"$.a.b"}]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		out, err := Standard(src, Limits{Values: 10_000})
		if err != nil {
			if json.Valid(src) && !strings.Contains(string(src), "$ref") && errors.Is(err, ErrSyntax) && !strings.Contains(string(src), `\u0024`) {
				t.Fatalf("valid %q: %v", src, err)
			}
			return
		}
		if !json.Valid(out) {
			t.Fatalf("%q gives %q", src, out)
		}
		if json.Valid(src) && !strings.Contains(string(src), "ref") && !strings.Contains(string(src), `\u`) {
			var want, got any
			json.Unmarshal(src, &want)
			json.Unmarshal(out, &got)
			if !reflect.DeepEqual(want, got) {
				t.Fatalf("%q gives %q", src, out)
			}
		}
	})
}

func BenchmarkStandardTopics(b *testing.B) {
	var s strings.Builder
	s.WriteString(`{"topicConfigTable":{`)
	for i := range 1000 {
		fmt.Fprintf(&s, `"Topic%d":{"attributes":{},"order":false,"perm":6,"readQueueNums":4,"topicFilterType":"SINGLE_TAG","topicName":"Topic%d","topicSysFlag":0,"writeQueueNums":4},`, i, i)
	}
	s.WriteString(`}}`)
	src := []byte(s.String())
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Standard(src, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}
