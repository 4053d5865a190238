package message

import (
	"bytes"
	"errors"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/raftmq/raftmq/internal/offset"
)

func goldenMessage(born, store string) Message {
	return Message{
		Topic: "TopicA", QueueID: 2, Body: []byte("hello"),
		Properties:    "TAGS\x01TagA\x02UNIQ_KEY\x010A000009C3502A139A5500000000000A\x02",
		BornTimestamp: 1700000000000, BornHost: netip.MustParseAddrPort(born),
		StoreTimestamp: 1700000000123, StoreHost: netip.MustParseAddrPort(store),
		QueueOffset: 5, PhysicalOffset: 4096,
	}
}

func TestStoredGolden(t *testing.T) {
	v6 := goldenMessage("[fd00::9]:50000", "[fd00::1]:10911")
	v6.SysFlag = FlagBornHostV6 | FlagStoreHostV6
	want := map[string]Message{"v4": goldenMessage("10.0.0.9:50000", "10.0.0.1:10911"), "v6": v6}
	for name, b := range golden(t, "stored.hex") {
		m := want[name]
		if got := AppendStored(nil, &m); !bytes.Equal(got, b) {
			t.Errorf("%s encodes to\n%x, want\n%x", name, got, b)
		}
		got, size, err := DecodeStored(append(bytes.Clone(b), "next message"...))
		if err != nil || size != len(b) || !reflect.DeepEqual(got, m) {
			t.Errorf("%s decodes to %+v, %d, %v", name, got, size, err)
		}
		if n := StoredSize(&m); n != len(b) {
			t.Errorf("%s: StoredSize %d, want %d", name, n, len(b))
		}
		if ts := StoreTimestamp(b); ts != 1700000000123 {
			t.Errorf("%s: StoreTimestamp %d", name, ts)
		}
	}
}

func TestStoredDamageIsAnError(t *testing.T) {
	for name, b := range golden(t, "stored.hex") {
		everyDamage(b,
			func(b []byte) {
				if _, _, err := DecodeStored(b); err == nil {
					t.Errorf("%s: prefix of %d bytes decodes", name, len(b))
				}
			},
			func(b []byte) { DecodeStored(b) })
	}
}

func TestStoredChecks(t *testing.T) {
	valid := golden(t, "stored.hex")["v4"]
	damage := func(at int, bytes ...byte) []byte {
		b := append([]byte(nil), valid...)
		copy(b[at:], bytes)
		return b
	}
	tests := []struct {
		name string
		b    []byte
		want error
	}{
		{"unknown magic", damage(7, 0xA8), ErrMagic},
		{"blank filler of a CommitLog file", damage(4, 0xCB, 0xD4, 0x31, 0x94), ErrMagic},
		{"size below the fixed fields", damage(0, 0, 0, 0, 90), ErrMalformed},
		{"negative size", damage(0, 0x80), ErrMalformed},
		{"size beyond the input", damage(0, 0, 0, 1), ErrTruncated},
		{"huge size", damage(0, 0x7F, 0xFF, 0xFF, 0xFF), ErrTruncated},
		{"size one too small", damage(3, 153), ErrMalformed},
		{"size one too large", append(damage(3, 155), 0), ErrMalformed},
		{"negative body length", damage(84, 0xFF), ErrMalformed},
		{"body length beyond the record", damage(86, 1), ErrMalformed},
		{"negative properties length", damage(100, 0xFF), ErrMalformed},
		{"port beyond 16 bits", damage(52, 1), ErrMalformed},
		{"IPv6 bit on an IPv4 record", damage(39, 0x10), ErrMalformed},
		{"one flipped bit in the body", damage(88, 'i'), ErrBodyCRC},
		{"empty", nil, ErrTruncated},
	}
	for _, tt := range tests {
		if _, _, err := DecodeStored(tt.b); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestStoredLayoutFollowsTopicAndHosts(t *testing.T) {
	m := Message{Topic: strings.Repeat("t", 127), BornHost: netip.MustParseAddrPort("[::ffff:1.2.3.4]:5")}
	b := AppendStored(nil, &m)
	got, _, err := DecodeStored(b)
	if err != nil || b[7] != 0xA7 || got.BornHost != netip.MustParseAddrPort("1.2.3.4:5") || got.SysFlag != 0 {
		t.Errorf("127 bytes of topic, mapped address: magic %x, %+v, %v", b[4:8], got.BornHost, err)
	}
	if got.StoreHost != netip.MustParseAddrPort("0.0.0.0:0") {
		t.Errorf("no address is stored as %v", got.StoreHost)
	}
	m.Topic += "t"
	m.SysFlag = FlagBornHostV6 | FlagStoreHostV6 | FlagCompressed // the bits of hosts that it does not have
	b = AppendStored(nil, &m)
	got, _, err = DecodeStored(b)
	if err != nil || b[7] != 0xAB || got.Topic != m.Topic || got.SysFlag != FlagCompressed {
		t.Errorf("128 bytes of topic: magic %x, topic of %d, sysFlag %x, %v", b[4:8], len(got.Topic), got.SysFlag, err)
	}
}

func TestStoredRefusesOverlongProperties(t *testing.T) {
	m := Message{Properties: strings.Repeat("p", PropertiesMax)}
	if _, _, err := DecodeStored(AppendStored(nil, &m)); err != nil {
		t.Errorf("%d bytes of properties: %v", PropertiesMax, err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a property string that cannot be stored was stored")
		}
	}()
	m.Properties += "p"
	AppendStored(nil, &m)
}

func TestStampOffsetsChangesNothingElse(t *testing.T) {
	b := golden(t, "stored.hex")["v6"]
	StampOffsets(b, 77, 1<<40)
	m, _, err := DecodeStored(b)
	want := goldenMessage("[fd00::9]:50000", "[fd00::1]:10911")
	want.SysFlag, want.QueueOffset, want.PhysicalOffset = FlagBornHostV6|FlagStoreHostV6, 77, 1<<40
	if err != nil || !reflect.DeepEqual(m, want) {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestStoredRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawMessage(t)
		b := AppendStored([]byte("before"), &m)[len("before"):]
		got, size, err := DecodeStored(b)
		if err != nil || size != len(b) || size != StoredSize(&m) || StoreTimestamp(b) != m.StoreTimestamp {
			t.Fatalf("size %d of %d, %v", size, len(b), err)
		}
		m.SysFlag = storedSysFlag(&m)
		if !reflect.DeepEqual(got, m) {
			t.Fatalf("got  %+v\nwant %+v", got, m)
		}
	})
}

func drawMessage(t *rapid.T) Message {
	return Message{
		Topic: rapid.StringN(1, 100, 255).Draw(t, "topic"), QueueID: rapid.Int32().Draw(t, "queue"),
		Flag: rapid.Int32().Draw(t, "flag"), Properties: rapid.StringN(0, 200, 500).Draw(t, "properties"),
		Body:    append([]byte{}, rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "body")...),
		SysFlag: rapid.Int32().Draw(t, "sysFlag"), BornTimestamp: rapid.Int64().Draw(t, "born"),
		BornHost: drawHost(t), StoreTimestamp: rapid.Int64().Draw(t, "stored"), StoreHost: drawHost(t),
		ReconsumeTimes: rapid.Int32().Draw(t, "times"), PreparedTransactionOffset: rapid.Int64().Draw(t, "prepared"),
		QueueOffset:    offset.Queue(rapid.Int64Range(0, math.MaxInt64).Draw(t, "queueOffset")),
		PhysicalOffset: offset.Physical(rapid.Int64().Draw(t, "physicalOffset")),
	}
}

func drawHost(t *rapid.T) netip.AddrPort {
	addr := netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "v4")))
	if rapid.Bool().Draw(t, "v6") {
		addr = netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "v6 address"))).Unmap()
	}
	return netip.AddrPortFrom(addr, rapid.Uint16().Draw(t, "port"))
}

func FuzzDecodeStored(f *testing.F) {
	for _, b := range golden(f, "stored.hex") {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, size, err := DecodeStored(b)
		if err != nil {
			return
		}
		again, _, err := DecodeStored(AppendStored(nil, &m))
		m.SysFlag = storedSysFlag(&m)
		m.BornHost, m.StoreHost = unmap(m.BornHost), unmap(m.StoreHost)
		if size > len(b) || err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("decoded %+v, encoded and decoded %+v, %v", m, again, err)
		}
	})
}

func unmap(h netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(h.Addr().Unmap(), h.Port()) }

func BenchmarkAppendStored(b *testing.B) {
	m := goldenMessage("10.0.0.9:50000", "10.0.0.1:10911")
	m.Body = make([]byte, 1024)
	buf := make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendStored(buf[:0], &m)
	}
}

func BenchmarkDecodeStored(b *testing.B) {
	m := goldenMessage("10.0.0.9:50000", "10.0.0.1:10911")
	m.Body = make([]byte, 1024)
	stored := AppendStored(nil, &m)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := DecodeStored(stored); err != nil {
			b.Fatal(err)
		}
	}
}
