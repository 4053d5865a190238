package commitlog

import (
	"fmt"
	"testing"
	"time"

	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/internal/vfs"
)

// bigBatch is about 1 MiB of messages of a size.
func bigBatch(messageBytes int) []byte {
	count := 1 << 20 / (messageBytes + SubRecordHeaderSize)
	payload := make([]byte, messageBytes)
	b := AppendBatchHeader(nil, uint32(count), 0, 0)
	for range count {
		b = AppendSubRecord(b, 1, 1, 0, payload)
	}
	return b
}

func benchOptions(b *testing.B, flush Flush) Options {
	return Options{FS: vfs.OS(), Dir: b.TempDir() + "/log", Group: testGroup, Instance: testInstance, Flush: flush,
		SegmentBytes: 256 << 20}
}

// BenchmarkAppend appends one entry at a time and keeps the disk from filling by retention.
func BenchmarkAppend(b *testing.B) {
	for _, c := range []struct {
		name  string
		flush Flush
		data  []byte
	}{
		{"sync/1MiB-of-1KiB", FlushSync, bigBatch(1024)},
		{"async/1MiB-of-1KiB", FlushAsync, bigBatch(1024)},
		{"async/1MiB-of-100B", FlushAsync, bigBatch(100)},
		{"sync/1KiB", FlushSync, batchOf(string(make([]byte, 1024)))},
		{"async/1KiB", FlushAsync, batchOf(string(make([]byte, 1024)))},
	} {
		b.Run(c.name, func(b *testing.B) {
			l := mustOpen(b, benchOptions(b, c.flush))
			b.SetBytes(int64(len(c.data)))
			b.ReportAllocs()
			index := offset.Index(0)
			for b.Loop() {
				index++
				if err := l.Append([]Entry{{Index: index, Term: 1, AppendedAt: time.Unix(0, 1), Data: c.data}}); err != nil {
					b.Fatal(err)
				}
				if index%1000 == 0 {
					b.StopTimer()
					must(b, l.Retain(index))
					b.StartTimer()
				}
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	data := bigBatch(1024)
	for _, cached := range []bool{true, false} {
		o := benchOptions(b, FlushAsync)
		if !cached {
			o.TailCacheBytes = 1
		}
		l := mustOpen(b, o)
		for index := range offset.Index(20) {
			must(b, l.Append([]Entry{{Index: index + 1, Term: 1, Data: data}}))
		}
		pos, err := l.DataPosition(20)
		must(b, err)
		pos += BatchHeaderSize + 100*(1024+SubRecordHeaderSize)
		name := map[bool]string{true: "cached", false: "disk"}[cached]
		b.Run(name+"/entry", func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := l.Entry(20); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/sub-record", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := l.ReadSubRecord(pos, 1024+SubRecordHeaderSize); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/32-neighbours", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := l.Reader()
				for i := range offset.Physical(32) {
					at := pos + i*(1024+SubRecordHeaderSize)
					if _, err := r.SubRecord(at, 1024+SubRecordHeaderSize, pos+32*(1024+SubRecordHeaderSize)); err != nil {
						b.Fatal(err)
					}
				}
				r.Close()
			}
		})
	}
}

// BenchmarkOpen opens a log of 1 GiB in segments of 256 MiB, as a kill leaves it.
func BenchmarkOpen(b *testing.B) {
	for _, messages := range []int{1, 240} {
		for _, indexed := range []bool{true, false} {
			b.Run(fmt.Sprintf("%d-per-entry/indexed-%v", messages, indexed), func(b *testing.B) {
				o := benchOptions(b, FlushAsync)
				l := mustOpen(b, o)
				payload := make([]byte, 1024)
				data := AppendBatchHeader(nil, uint32(messages), 0, 0)
				for range messages {
					data = AppendSubRecord(data, 1, 1, 0, payload)
				}
				for index := offset.Index(1); l.NextPosition() < 1<<30; {
					var entries []Entry
					for size := 0; size < 4<<20; size += len(data) {
						entries = append(entries, Entry{Index: index, Term: 1, Data: data})
						index++
					}
					must(b, l.Append(entries))
				}
				if indexed {
					l.writeIndexes()
				}
				must(b, l.Close())
				for b.Loop() {
					if !indexed {
						for _, name := range files(b, o.FS, o.Dir) {
							if first, ok := parseIndexName(name); ok {
								must(b, o.FS.Remove(indexName(o.Dir, first)))
							}
						}
					}
					l, err := Open(o)
					must(b, err)
					b.StopTimer()
					must(b, l.Close())
					b.StartTimer()
				}
			})
		}
	}
}
