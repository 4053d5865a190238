package message

import (
	"maps"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParsePropertiesLikeJava(t *testing.T) {
	tests := []struct {
		name, in string
		want     map[string]string
	}{
		{"an entry", "A\x01b\x02", map[string]string{"A": "b"}},
		{"without the last separator", "A\x01b", map[string]string{"A": "b"}},
		{"an empty name", "\x01b\x02", map[string]string{}},
		{"an empty value", "A\x01\x02", map[string]string{}},
		{"no name separator", "AB\x02", map[string]string{}},
		{"a bad entry is skipped", "AB\x02A\x01b\x02", map[string]string{"A": "b"}},
		{"the first separator splits", "A\x01b\x01c\x02", map[string]string{"A": "b\x01c"}},
		{"of equal names the last wins", "A\x01b\x02A\x01c\x02", map[string]string{"A": "c"}},
		{"a last entry without value does not win", "A\x01b\x02A\x01\x02", map[string]string{"A": "b"}},
		{"separators only", "\x02\x02\x01\x02", map[string]string{}},
		{"nothing", "", map[string]string{}},
	}
	for _, tt := range tests {
		if got := ParseProperties(tt.in); !maps.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		for name, want := range tt.want {
			if got, ok := Property(tt.in, name); !ok || got != want {
				t.Errorf("%s: Property(%q) = %q, %t", tt.name, name, got, ok)
			}
		}
	}
}

func TestSetPropertyKeepsTheOthers(t *testing.T) {
	tests := []struct{ name, in, property, value, want string }{
		{"appended", "A\x01b\x02", "C", "d", "A\x01b\x02C\x01d\x02"},
		{"appended after a missing separator", "A\x01b", "C", "d", "A\x01b\x02C\x01d\x02"},
		{"the first", "", "C", "d", "C\x01d\x02"},
		{"replaced in place", "A\x01b\x02C\x01d\x02E\x01f\x02", "C", "xyz", "A\x01b\x02C\x01xyz\x02E\x01f\x02"},
		{"replaced at the end, without separator", "A\x01b\x02C\x01d", "C", "x", "A\x01b\x02C\x01x"},
		{"odd bytes stay", "\x02AB\x02C\x01d\x02\x02", "C", "x", "\x02AB\x02C\x01x\x02\x02"},
		{"earlier duplicates go", "C\x011\x02A\x01b\x02C\x012\x02", "C", "3", "A\x01b\x02C\x013\x02"},
		{"the same value", "C\x011\x02", "C", "1", "C\x011\x02"},
		{"no value removes", "A\x01b\x02C\x01d\x02", "C", "", "A\x01b\x02"},
		{"no value, absent", "A\x01b\x02", "C", "", "A\x01b\x02"},
		{"a name that ends another", "XC\x01b\x02", "C", "d", "XC\x01b\x02C\x01d\x02"},
		{"a value that looks like the entry", "A\x01C\x01d\x02C\x01d\x02", "C", "e", "A\x01C\x01d\x02C\x01e\x02"},
	}
	for _, tt := range tests {
		if got := SetProperty(tt.in, tt.property, tt.value); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestRemoveProperty(t *testing.T) {
	tests := []struct{ in, want string }{
		{"A\x01b\x02C\x01d\x02C\x01e\x02F\x01g", "A\x01b\x02F\x01g"},
		{"A\x01b\x02C\x01d", "A\x01b\x02"},
		{"A\x01b", "A\x01b"},
	}
	for _, tt := range tests {
		if got := RemoveProperty(tt.in, "C"); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestSetPropertiesAllocatesOnce(t *testing.T) {
	props := "KEYS\x01k1\x02TAGS\x01TagA\x02"
	set := []KeyValue{{PropertyCluster, "DefaultCluster"}, {PropertyRegion, "DefaultRegion"}, {PropertyTraceOn, "true"}}
	if n := testing.AllocsPerRun(100, func() { SetProperties(props, set...) }); n != 1 {
		t.Errorf("%v allocations, want 1", n)
	}
	if n := testing.AllocsPerRun(100, func() { Property(props, PropertyTags) }); n != 0 {
		t.Errorf("Property allocates %v times", n)
	}
	want := props + "CLUSTER\x01DefaultCluster\x02MSG_REGION\x01DefaultRegion\x02TRACE_ON\x01true\x02"
	if got := SetProperties(props, set...); got != want {
		t.Errorf("%q", got)
	}
}

// editing must agree with the same edit on the decoded map, whatever bytes there were.
func checkEdits(t interface{ Fatalf(string, ...any) }, props, name, value string) {
	want := ParseProperties(props)
	delete(want, name)
	if got := ParseProperties(RemoveProperty(props, name)); !maps.Equal(got, want) {
		t.Fatalf("%q without %q: %q, want %q", props, name, got, want)
	}
	if value != "" {
		want[name] = value
	}
	if got := ParseProperties(SetProperty(props, name, value)); !maps.Equal(got, want) {
		t.Fatalf("%q with %q=%q: %q, want %q", props, name, value, got, want)
	}
	old, ok := Property(props, name)
	if p, is := ParseProperties(props)[name]; ok != is || old != p {
		t.Fatalf("Property(%q, %q) = %q, %t; parsed %q, %t", props, name, old, ok, p, is)
	}
}

func TestPropertyEditsAgreeWithMap(t *testing.T) {
	text := rapid.StringOfN(rapid.SampledFrom([]rune("ABC\x01\x02é")), 0, 24, -1)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching("[ABC]{1,2}").Draw(t, "name")
		checkEdits(t, text.Draw(t, "properties"), name, rapid.StringMatching("[ABCé]{0,3}").Draw(t, "value"))
	})
}

func FuzzProperties(f *testing.F) {
	f.Add("A\x01b\x02C\x01d", "C", "e")
	f.Add("\x01\x02\x02A", "A", "")
	f.Fuzz(func(t *testing.T, props, name, value string) {
		if name == "" || strings.ContainsAny(name+value, "\x01\x02") {
			t.Skip()
		}
		checkEdits(t, props, name, value)
	})
}

func BenchmarkProperty(b *testing.B) {
	props := "KEYS\x01k1\x02WAIT\x01true\x02TAGS\x01TagA\x02UNIQ_KEY\x010A000009C3502A139A5500000000000A\x02"
	b.ReportAllocs()
	for b.Loop() {
		Property(props, PropertyUniqueKey)
	}
}
