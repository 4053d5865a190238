package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; the difference begins at %q", name, got[commonPrefix(got, want):][:min(120, len(got)-commonPrefix(got, want))])
	}
}

func commonPrefix(a, b []byte) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// sample is a report with every kind of content: a sweep, a fail-over with faults, errors and a broken guarantee, and reading back.
func sample() *Report {
	started := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	run := func(s Settings, latencies ...time.Duration) Run {
		s.EnsureDefaults()
		rec := NewRecorder("acked", &s, 1)
		for second := range 4 {
			for i, l := range latencies {
				intended := time.Duration(second)*time.Second + at(i)
				rec.Shard(0).Answered(intended, intended+l, 1, int64(s.Size))
				if s.Kind == Consume {
					rec.Shard(0).Aged(1500, 1400)
				}
			}
			rec.Tick(time.Duration(second+1) * time.Second)
		}
		return Run{Name: s.Name(), Started: started, Settings: s, Streams: []Stream{rec.Stream(4 * time.Second)}, Tool: Tool{Cores: .25}}
	}
	ms := time.Millisecond
	one := run(Settings{Kind: Produce, Concurrency: 1, Warmup: seconds(1), Duration: seconds(3)}, 1*ms, 2*ms, 2*ms, 40*ms)
	many := run(Settings{Kind: Produce, Concurrency: 64, Warmup: seconds(1), Duration: seconds(3)}, 3*ms, 3*ms, 3*ms, 4*ms, 5*ms, 90*ms)
	fail := run(Settings{Kind: Failover, Rate: 5, Size: 100, Duration: seconds(4), Step: seconds(1)}, 800*time.Microsecond, ms, 300*ms)
	fail.Checks = &Checks{Sent: 20, Acked: 19, Found: 19, Lost: 1, Duplicates: 2, StoredUnacked: 1}
	fail.Gap = &Gap{1.5, 312.5}
	fail.Faults = []Mark{{Name: "kill leader", Detail: "n0 killed (pid 7)", From: 1.5, To: 1.52, Gap: Gap{1.5, 312.5}}, {Name: "start", Error: "<no> such node", From: 3, To: 3, Gap: Gap{3, 7}}}
	fail.Failures = map[string]int64{"code 14": 3, "not sent": 1}
	fail.Streams[0].Errors = 4
	fail.Tool.Late = &Latency{Count: 20, P50: 60, P99: 900}
	fail.Notes = []string{"a note"}
	read := run(Settings{Kind: Consume, Queues: -1}, ms)
	read.Interrupted = true
	return &Report{Command: []string{"raftmq", "bench", "suite", "<quick>"}, Label: "a <label>", Started: started,
		Environment: Environment{Host: "h", CPU: "A processor", Cores: 2, MemoryMiB: 2048, Kernel: "Linux 6", Load: "1.5 1.2 1.1", OS: "linux/amd64", Go: "go1.26", Tool: "v1",
			Disk:    &Disk{Dir: "/data", Device: "/dev/vda", Type: "ext4", Fsync: Latency{Count: 50, P50: 700, P99: 10_250}},
			Brokers: []Broker{{Name: "RaftNode00", Address: "10.0.0.1:10911", Version: "V5_3_3", Config: map[string]string{"flushDiskType": "SYNC_FLUSH", "brokerRole": "SYNC_MASTER"}}}},
		Runs:   []Run{one, many, fail, read},
		Search: &Search{SLO: SLO{99, Duration{10 * ms}}, Best: 1500, Trials: []Trial{{1000, true, "latency 2ms"}, {2000, false, "latency 20ms"}}}}
}

func TestGoldenReports(t *testing.T) {
	var asJSON, table, csv, page, lines bytes.Buffer
	r := sample()
	for _, err := range []error{r.WriteJSON(&asJSON), r.WriteTable(&table), r.WriteCSV(&csv), r.WriteHTML(&page)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range r.Runs {
		run := &r.Runs[i]
		for _, p := range run.Main().Series {
			lines.WriteString(RocketMQLine(run.Settings.Kind, p, run.Started.Add(time.Duration(p.At)*time.Second)) + "\n")
		}
		lines.WriteString(RocketMQComplete(run) + "\n")
	}
	golden(t, "report.json", asJSON.Bytes())
	golden(t, "report.txt", table.Bytes())
	golden(t, "report.csv", csv.Bytes())
	golden(t, "report.html", page.Bytes())
	golden(t, "report.rocketmq", lines.Bytes())
}

// Invariant 7.
func TestReportReadBackIsTheSame(t *testing.T) {
	var first bytes.Buffer
	if err := sample().WriteJSON(&first); err != nil {
		t.Fatal(err)
	}
	read, err := ReadReport(bytes.NewReader(first.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	for name, write := range map[string]func(*Report, *bytes.Buffer) error{
		"json": func(r *Report, b *bytes.Buffer) error { return r.WriteJSON(b) }, "table": func(r *Report, b *bytes.Buffer) error { return r.WriteTable(b) },
		"csv": func(r *Report, b *bytes.Buffer) error { return r.WriteCSV(b) }, "html": func(r *Report, b *bytes.Buffer) error { return r.WriteHTML(b) },
	} {
		var before, after bytes.Buffer
		if err := errors.Join(write(sample(), &before), write(read, &after)); err != nil || !bytes.Equal(before.Bytes(), after.Bytes()) {
			t.Errorf("%s differs, %v", name, err)
		}
	}
	if b := read.Broken(); len(b) != 1 || !strings.Contains(b[0], "1 lost") {
		t.Errorf("broken: %q", b)
	}
}

func TestReadReportRefuses(t *testing.T) {
	for _, text := range []string{"", "[]", `{"raftmq_bench":2,"runs":[]}`, `{}`, `{"raftmq_bench":1,"runs":[{"name":"x"}]}`} {
		if r, err := ReadReport(strings.NewReader(text)); !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %+v, %v", text, r, err)
		}
	}
}

func TestPageNeedsNothingElse(t *testing.T) {
	var b bytes.Buffer
	if err := sample().WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, not := range []string{"<script", "http:", "https:", "url(", "@import", "<link", "<img", "NaN", "Inf", "<label>", "<quick>", "<no>", "%!"} {
		if strings.Contains(page, not) {
			t.Errorf("the page has %q", not)
		}
	}
	for _, has := range []string{"Not kept, or not verified", "kill leader", "heat h5", "p99 by concurrency", "latency by percentile", "suite &#39;&lt;quick&gt;&#39;", "SYNC_FLUSH", "312 ms"} {
		if !strings.Contains(page, has) {
			t.Errorf("the page has no %q", has)
		}
	}
}

// A run in which nothing succeeded still makes a report.
func TestReportOfNothing(t *testing.T) {
	s := Settings{Kind: Failover}
	s.EnsureDefaults()
	rec := NewRecorder("acked", &s, 1)
	rec.Tick(time.Second)
	rec.Tick(2 * time.Second)
	r := &Report{Runs: []Run{{Name: "x", Settings: s, Streams: []Stream{rec.Stream(0)}, Checks: &Checks{}, Gap: &Gap{}}}}
	var b bytes.Buffer
	if err := errors.Join(r.WriteHTML(&b), r.WriteTable(&b), r.WriteCSV(&b), r.WriteJSON(&b)); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "NaN") || strings.Contains(b.String(), "Inf") {
		t.Error("a figure that is none")
	}
}

func TestCompare(t *testing.T) {
	a, b := sample(), sample()
	b.Runs[0].Streams[0].Latency.P99 = 46_000
	b.Runs[0].Streams[0].Rate = a.Runs[0].Streams[0].Rate * .9
	b.Runs[1].Name = "another"
	conditions := func(texts ...string) (out []Condition) {
		for _, text := range texts {
			c, err := ParseCondition(text)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, c)
		}
		return out
	}
	all, unmatched := Compare(a, b, conditions("p99>+10%", "rate<-5%", "lost>0", "max>1s"))
	if got := strings.Join(unmatched, ","); got != "another,"+a.Runs[1].Name {
		t.Errorf("unmatched %q", got)
	}
	failed := map[string]string{}
	for _, d := range all {
		if d.Failed != "" {
			failed[d.Run+" "+d.Metric] = d.Failed
		}
	}
	want := map[string]string{"produce 1KiB c1 p99": "p99>+10%", "produce 1KiB c1 rate": "rate<-5%", "failover 100B rate5 lost": "lost>0"}
	if len(failed) != len(want) {
		t.Errorf("failed %v, want %v", failed, want)
	}
	for k, v := range want {
		if failed[k] != v {
			t.Errorf("%s: %q, want %q", k, failed[k], v)
		}
	}
	var table bytes.Buffer
	if err := WriteDifferences(&table, all); err != nil || !strings.Contains(table.String(), "FAILED: p99>+10%") {
		t.Errorf("%s\n%v", table.String(), err)
	}
	if b, err := json.Marshal(all); err != nil || !strings.Contains(string(b), `"failed":"lost`) {
		t.Errorf("%v", err)
	}
}

func TestParseCondition(t *testing.T) {
	for _, text := range []string{"p99", "p98>1%", "p99>x", ">5%", "p99>+%"} {
		if c, err := ParseCondition(text); err == nil {
			t.Errorf("%q: %+v", text, c)
		}
	}
	c, err := ParseCondition("gap > 1.5s")
	if err != nil || c.met(&Difference{Metric: "gap", B: 1_500_000}) || !c.met(&Difference{Metric: "gap", B: 1_500_001}) || c.met(&Difference{Metric: "p99", B: 9e9}) {
		t.Errorf("%+v, %v", c, err)
	}
}
