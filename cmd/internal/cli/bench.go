package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/raftmq/raftmq/bench"
	"github.com/raftmq/raftmq/config"
)

func newBench(env Environment) *cobra.Command {
	c := group("bench", "Measure and check a cluster under load, Apache RocketMQ too", `  raftmq bench produce --size 100,1KiB --concurrency 1,16,128
  raftmq bench e2e --rate 1000
  raftmq bench failover --dir ./raftmq-dev --out report.html
  raftmq bench compare before.json after.json --fail-if 'p99>+10%'`,
		newBenchProduce(env), newBenchConsume(env), newBenchEndToEnd(env), newBenchFailover(env), newBenchSuite(env), newBenchCompare(env))
	c.GroupID = "use"
	return c
}

// benchFlags are the flags of every command that makes runs. A list makes a sweep: a run for each combination.
type benchFlags struct {
	env     Environment
	client  clientFlags
	cluster string

	topic, pullGroup                 string
	sizes                            []string
	concurrency, connections, queues []int
	rates                            []string
	messages                         int64
	duration, warmup, timeout        time.Duration
	step                             time.Duration
	payload                          string
	compressAbove                    string
	compress                         bool
	pullMax                          int
	keys                             bool
	tags, propertyBytes              int

	output   string
	files    []string
	interval time.Duration
	label    string
	probeDir string
	quiet    bool
}

func (f *benchFlags) add(cmd *cobra.Command, env Environment, kind bench.Kind) {
	f.env, f.client.env = env, env
	flags := cmd.Flags()
	flags.StringVarP(&f.client.namesrv, "namesrv", "n", "", "`ADDRESSES` of NameServers, separated by ; (default NAMESRV_ADDR, else 127.0.0.1:9876)")
	flags.StringVar(&f.cluster, "cluster", "", "`CLUSTER` whose broker groups get the topic (default: all)")
	flags.StringVarP(&f.topic, "topic", "t", "raftmq-bench", "`TOPIC` to use; it is created, or given the number of queues")
	flags.IntSliceVarP(&f.concurrency, "concurrency", "w", nil, "messages in flight, or pulls; with --rate the most that may be in flight (default 64; with --rate 10000; consume and failover 16)")
	flags.IntSliceVar(&f.connections, "connections", nil, "connections to each broker (default 4)")
	flags.DurationVar(&f.timeout, "timeout", 3*time.Second, "how long a request waits for its answer")
	flags.DurationVar(&f.warmup, "warmup", f.warmup, "load that is not measured, before the measured time")
	flags.DurationVar(&f.duration, "duration", 0, "measured time (default 10s; failover 30s; consume: until what was there is read)")
	flags.DurationVar(&f.step, "step", 0, "of the series in reports (default 1s; failover 100ms)")
	flags.Int64VarP(&f.messages, "messages", "q", 0, "end after `N` messages")
	if kind != bench.Consume {
		flags.StringSliceVarP(&f.sizes, "size", "s", []string{"1KiB"}, "bytes of a body, as 100 or 1KiB")
		flags.IntSliceVar(&f.queues, "queues", []int{8}, "queues of the topic on each broker group; -1: use the topic as it is")
		flags.StringSliceVar(&f.rates, "rate", nil, "messages a second, sent whatever happens, latency from the intended time (default: closed loop)")
		flags.StringVar(&f.payload, "payload", "random", "bodies: random, zero or file:`PATH`")
		flags.BoolVarP(&f.compress, "compress", "c", false, "compress bodies of --compress-above and more (zlib)")
		flags.StringVar(&f.compressAbove, "compress-above", "4KiB", "`SIZE` from which --compress compresses")
		flags.BoolVarP(&f.keys, "keys", "k", false, "give each message a key")
		flags.IntVarP(&f.tags, "tags", "l", 0, "give each message one of `N` tags")
		flags.IntVarP(&f.propertyBytes, "property-size", "p", 0, "give each message a property of `N` bytes")
	}
	if kind != bench.Produce {
		flags.IntVar(&f.pullMax, "batch", 32, "messages of one pull")
		flags.StringVarP(&f.pullGroup, "consumer-group", "g", "", "`GROUP` that pulls name (default raftmq-bench); nothing joins it")
	}
	f.addOutput(cmd)
}

// addOutput adds the flags of what is printed and written.
func (f *benchFlags) addOutput(cmd *cobra.Command) {
	formats := []string{"table", "json", "csv", "rocketmq", "html"}
	flags := cmd.Flags()
	flags.StringVarP(&f.output, "output", "o", "table", "`FORMAT` of the output: "+strings.Join(formats, ", "))
	cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	flags.StringArrayVar(&f.files, "out", nil, "also write the report to `FILE`, by its ending: .json, .html, .csv or .txt; may be repeated")
	flags.DurationVar(&f.interval, "interval", 5*time.Second, "between lines of progress when the output is no terminal; 0: none")
	flags.BoolVar(&f.quiet, "no-progress", false, "show no progress")
	flags.StringVar(&f.label, "label", "", "`TEXT` for the report: what is measured")
	flags.StringVar(&f.probeDir, "probe-dir", "", "`DIRECTORY` on the brokers' disk, if they run on this machine: its fsync time goes into the report")
	cmd.MarkFlagDirname("probe-dir")
	cmd.PreRunE = f.prepare
}

// prepare refuses outputs that cannot be written, before anything runs. A number of messages means all of them: without a warm-up, however
// long they take, unless the flags say otherwise.
func (f *benchFlags) prepare(cmd *cobra.Command, _ []string) error {
	if f.messages > 0 && !cmd.Flags().Changed("warmup") {
		f.warmup = 0
	}
	if sends := cmd.Flags().Lookup("rate") != nil; sends && f.messages > 0 && !cmd.Flags().Changed("duration") {
		f.duration = 24 * time.Hour
	}
	if f.output == "rocketmq" && f.step == 0 && f.interval < time.Second {
		f.step = f.interval // lines come no more often than steps
	}
	return f.check()
}

// check refuses outputs that cannot be written, before anything runs.
func (f *benchFlags) check() error {
	if !slices.Contains([]string{"table", "json", "csv", "rocketmq", "html"}, f.output) {
		return usageError("--output %s: write table, json, csv, rocketmq or html", f.output)
	}
	for _, file := range f.files {
		if benchFormat(file) == "" {
			return usageError("--out %s: the ending says the format: .json, .html, .csv or .txt", file)
		}
	}
	return nil
}

// settings are the runs that the flags ask for: one for each combination of their lists.
func (f *benchFlags) settings(kind bench.Kind) ([]bench.Settings, error) {
	sizes, err := parseEach("--size", f.sizes, parseSize)
	if err != nil {
		return nil, err
	}
	rates, err := parseEach("--rate", f.rates, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) })
	if err != nil {
		return nil, err
	}
	above, err := 0, error(nil)
	if f.compress {
		if above, err = parseSize(f.compressAbove); err != nil {
			return nil, usageError("--compress-above %s: %w", f.compressAbove, err)
		}
	}
	queues := f.queues
	if kind == bench.Consume {
		queues = []int{-1}
	}
	base := bench.Settings{Kind: kind, Topic: f.topic, Group: f.pullGroup, Messages: f.messages, Warmup: bench.Duration{Duration: f.warmup}, Duration: bench.Duration{Duration: f.duration},
		Step: bench.Duration{Duration: f.step}, Timeout: bench.Duration{Duration: f.timeout}, Payload: f.payload, CompressAbove: above, PullMax: f.pullMax,
		Keys: f.keys, Tags: f.tags, PropertyBytes: f.propertyBytes}
	sweep := bench.Sweep{Sizes: sizes, Concurrency: f.concurrency, Connections: f.connections, Queues: queues, Rates: rates}
	all := sweep.Runs(base)
	for i := range all {
		if err := all[i].Validate(); err != nil {
			return nil, usageError("%w", err)
		}
	}
	return all, nil
}

func parseEach[T any](flag string, texts []string, parse func(string) (T, error)) ([]T, error) {
	var out []T
	for _, s := range texts {
		v, err := parse(strings.TrimSpace(s))
		if err != nil {
			return nil, usageError("%s %s: write numbers, separated by commas", flag, s)
		}
		out = append(out, v)
	}
	return out, nil
}

// parseSize reads a size with or without a unit.
func parseSize(s string) (int, error) {
	if n, err := strconv.Atoi(s); err == nil {
		return n, nil
	}
	b, err := config.ParseBytes(s)
	if err != nil {
		return 0, fmt.Errorf("%q is no size; write it as 100 or 1KiB", s)
	}
	return int(b), nil
}

func (f *benchFlags) target() bench.Target {
	addresses, _ := f.client.nameServers()
	return bench.Target{NameServers: splitAddresses(addresses), Cluster: f.cluster}
}
