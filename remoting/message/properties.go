package message

import (
	"iter"
	"strings"
)

// The property string is name \x01 value \x02, repeated, without escaping. An entry counts only if \x01 is neither its
// first nor its last character; the first \x01 splits; of equal names the last wins; the last \x02 may be missing.
// Source: MessageDecoder#string2messageProperties.
const (
	nameSeparator  = '\x01'
	entrySeparator = '\x02'
)

// KeyValue is one property.
type KeyValue struct{ Name, Value string }

// Properties yields the entries of an encoded property string that count, in order. Strings alias properties.
func Properties(properties string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for len(properties) > 0 {
			var entry string
			entry, properties = nextEntry(properties)
			if name, value, ok := splitEntry(entry); ok && !yield(name, value) {
				return
			}
		}
	}
}

// Property returns the value of name in an encoded property string, without allocating.
func Property(properties, name string) (value string, ok bool) {
	for len(properties) > 0 {
		var entry string
		entry, properties = nextEntry(properties)
		if v, is := valueOf(entry, name); is {
			value, ok = v, true
		}
	}
	return value, ok
}

// ParseProperties decodes by the Java client's rules (messages.md section 2).
func ParseProperties(properties string) map[string]string {
	m := make(map[string]string, min(strings.Count(properties, string(entrySeparator))+1, 64))
	for name, value := range Properties(properties) {
		m[name] = value
	}
	return m
}

// SetProperty returns properties with name set to value: replaced in place, or appended. An empty value cannot be told
// from none by any reader, so it removes the property.
func SetProperty(properties, name, value string) string {
	return SetProperties(properties, KeyValue{name, value})
}

// SetProperties is SetProperty for several properties; it allocates once when none of them is present.
func SetProperties(properties string, set ...KeyValue) string {
	size, added := len(properties)+1, false
	for _, kv := range set {
		if _, ok := Property(properties, kv.Name); ok {
			properties = replaceProperty(properties, kv)
		} else {
			size, added = size+len(kv.Name)+len(kv.Value)+2, added || kv.Value != ""
		}
	}
	if !added {
		return properties
	}
	var b strings.Builder
	b.Grow(size)
	b.WriteString(properties)
	if properties != "" && properties[len(properties)-1] != entrySeparator {
		b.WriteByte(entrySeparator)
	}
	for _, kv := range set {
		if _, ok := Property(b.String(), kv.Name); !ok && kv.Value != "" {
			writeProperty(&b, kv)
		}
	}
	return b.String()
}

// RemoveProperty returns properties without name; the bytes of all others stay as they are.
func RemoveProperty(properties, name string) string {
	if _, ok := Property(properties, name); !ok {
		return properties
	}
	var b strings.Builder
	b.Grow(len(properties))
	for rest := properties; len(rest) > 0; {
		before := rest
		var entry string
		entry, rest = nextEntry(rest)
		if _, is := valueOf(entry, name); !is {
			b.WriteString(before[:len(before)-len(rest)])
		}
	}
	return b.String()
}

// AppendProperty appends one entry to an encoded property string.
func AppendProperty(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, nameSeparator)
	dst = append(dst, value...)
	return append(dst, entrySeparator)
}

func writeProperty(b *strings.Builder, kv KeyValue) {
	b.WriteString(kv.Name)
	b.WriteByte(nameSeparator)
	b.WriteString(kv.Value)
	b.WriteByte(entrySeparator)
}

// EncodeProperties encodes pairs in the order given. Empty names and values are left out.
func EncodeProperties(pairs ...KeyValue) string {
	var b strings.Builder
	for _, kv := range pairs {
		if kv.Name != "" && kv.Value != "" {
			writeProperty(&b, kv)
		}
	}
	return b.String()
}

// replaceProperty replaces the last entry of that name, which is the one that counts, and drops earlier ones.
func replaceProperty(properties string, kv KeyValue) string {
	old, _ := Property(properties, kv.Name)
	if old == kv.Value {
		return properties
	}
	if kv.Value == "" {
		return RemoveProperty(properties, kv.Name)
	}
	last := kv.Name + string(nameSeparator) + old
	at := lastEntry(properties, last)
	head := RemoveProperty(properties[:at], kv.Name)
	return head + kv.Name + string(nameSeparator) + kv.Value + properties[at+len(last):]
}

// lastEntry returns where the last entry equal to text begins. There is one.
func lastEntry(properties, text string) int {
	at := -1
	for rest := properties; len(rest) > 0; {
		begin := len(properties) - len(rest)
		var entry string
		if entry, rest = nextEntry(rest); entry == text {
			at = begin
		}
	}
	return at
}

// nextEntry splits off the first entry, without its separator.
func nextEntry(properties string) (entry, rest string) {
	if i := strings.IndexByte(properties, entrySeparator); i >= 0 {
		return properties[:i], properties[i+1:]
	}
	return properties, ""
}

// splitEntry splits an entry at its first \x01; ok is false when it does not count.
func splitEntry(entry string) (name, value string, ok bool) {
	i := strings.IndexByte(entry, nameSeparator)
	if i <= 0 || i == len(entry)-1 {
		return "", "", false
	}
	return entry[:i], entry[i+1:], true
}

// valueOf returns the value of an entry that counts and has that name. name holds no \x01.
func valueOf(entry, name string) (string, bool) {
	n := len(name)
	if n == 0 || len(entry) < n+2 || entry[n] != nameSeparator || entry[:n] != name {
		return "", false
	}
	return entry[n+1:], true
}
