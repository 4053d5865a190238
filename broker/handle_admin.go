package broker

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/raftmq/raftmq/broker/state"
	"github.com/raftmq/raftmq/consumequeue"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/remoting/message"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// The broker itself: 25 UPDATE_BROKER_CONFIG, 26 GET_BROKER_CONFIG, 28 GET_BROKER_RUNTIME_INFO.
//
// Source: AdminBrokerProcessor#getBrokerRuntimeInfo; codes.md section 7.4. Differences: only the settings of an allow-list can be changed
// over the wire (design D26, settings.go), all or nothing, and then for the whole group; 26 shows what holds, never a path or a secret.

// brokerAdmin serves what mqadmin asks of a broker as such.
type brokerAdmin struct {
	options  *Options
	settings *settings
	proposer proposer
	gate     *gate
	state    *state.State
	status   func() raftlog.Status
	metrics  *metrics
	parked   func() int
	free     func() (total, free int64)
	started  time.Time
	term     func() offset.Term
}

func (a *brokerAdmin) updateConfig(r *request) error {
	changed, err := parseSettings(string(r.Body))
	if err != nil {
		return err
	}
	subs, count := state.AppendPutSettings(nil, changed), 1
	if changed[settingAutoTopic] == "true" { // there may be no template yet
		subs, count = state.AppendPutTopic(subs, templateTopic(a.options), true), 2
	}
	return a.proposer.ProposeReserved(subs, count, &answer{r: r, gate: a.gate})
}

// parseSettings reads lines of name=value. One that may not be set, or not to this value, refuses all.
func parseSettings(text string) (map[string]string, error) {
	changed := map[string]string{}
	for line := range strings.SplitSeq(text, "\n") {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if name == "" || strings.HasPrefix(name, "#") {
			continue
		}
		check := settable[name]
		if check == nil {
			return nil, refuse(errNoPermission, "Can not update config in black list. %q cannot be changed over the wire: change the configuration file", clip(name))
		}
		if err := check(value); err != nil && value != "" { // no value takes the setting back
			return nil, refuse(errBadParameter, "%s=%s: %s", name, clip(value), err)
		}
		changed[name] = value
	}
	if len(changed) == 0 {
		return nil, refuse(errBadParameter, "no setting is named")
	}
	return changed, nil
}

// hoursOf prints times of day as deleteWhen does.
func hoursOf(at []time.Duration) string {
	var hours []string
	for _, d := range at {
		hours = append(hours, fmt.Sprintf("%02d", int(d.Hours())))
	}
	return strings.Join(hours, ";")
}

func (a *brokerAdmin) config(r *request) error {
	o, s, limits := a.options, a.settings, a.settings.limits()
	var b strings.Builder
	for _, kv := range [][2]string{
		{"autoCreateSubscriptionGroup", strconv.FormatBool(s.autoGroups())},
		{"autoCreateTopicEnable", strconv.FormatBool(s.autoTopics())},
		{"brokerClusterName", o.Cluster},
		{"brokerName", o.Name},
		{"brokerPermission", strconv.Itoa(int(s.permission()))},
		{"defaultTopicQueueNums", strconv.Itoa(int(o.DefaultQueues))},
		{settingDeleteWhen, hoursOf(limits.at)},
		{"fileReservedTime", strconv.Itoa(int(limits.age.Hours()))},
		{"flushDiskType", flushType(a.status().Flush)},
		{"maxMessageSize", strconv.Itoa(s.messageBytesMax())},
		{"messageDelayLevel", o.DelayLevels},
		{"namesrvAddr", strings.Join(o.NameServers, ";")},
		{"slaveReadEnable", strconv.FormatBool(s.readable())},
	} {
		b.WriteString(kv[0] + "=" + kv[1] + "\n")
	}
	_, version := a.state.Topics()
	header := protocol.ConfigResponseHeader{Version: string(dataVersion(version, uint64(a.term())).Encode())}
	r.succeed(header.AppendFields(nil), []byte(b.String()))
	return nil
}

func flushType(flush string) string {
	if strings.HasPrefix(flush, "async") {
		return "ASYNC_FLUSH"
	}
	return "SYNC_FLUSH"
}

func (a *brokerAdmin) runtime(r *request) error {
	s := a.status()
	now := time.Now()
	total, free := a.free()
	ratio := 0.0
	if total > 0 && free >= 0 {
		ratio = float64(total-free) / float64(total)
	}
	table := map[string]string{
		"bootTimestamp":               formatInt(a.started.UnixMilli()),
		"runtime":                     uptime(now.Sub(a.started)),
		"brokerActive":                strconv.FormatBool(s.State == "leader"),
		"brokerVersion":               strconv.Itoa(int(protocol.Version)),
		"brokerVersionDesc":           "V5_3_3",
		"putTps":                      a.metrics.puts.String(),
		"getFoundTps":                 a.metrics.gets.String(),
		"getMissTps":                  a.metrics.misses.String(),
		"getTotalTps":                 a.metrics.gets.String(),
		"getTransferredTps":           a.metrics.gets.String(),
		"getTransferedTps":            a.metrics.gets.String(), // 4.x spells it so
		"putMessageTimesTotal":        formatInt(a.metrics.puts.total.Load()),
		"putMessageSizeTotal":         formatInt(a.metrics.putBytes.total.Load()),
		"putMessageAverageSize":       average(a.metrics.putBytes.total.Load(), a.metrics.puts.total.Load()),
		"msgPutTotalTodayNow":         formatInt(a.metrics.puts.total.Load()),
		"msgGetTotalTodayNow":         formatInt(a.metrics.gets.total.Load()),
		"dispatchBehindBytes":         "0",
		"pageCacheLockTimeMills":      "0",
		"earliestMessageTimeStamp":    formatInt(a.earliest()),
		"commitLogDiskRatio":          strconv.FormatFloat(ratio, 'f', 4, 64),
		"consumeQueueDiskRatio":       strconv.FormatFloat(ratio, 'f', 4, 64),
		"commitLogMinOffset":          formatInt(int64(s.FirstPosition)),
		"commitLogMaxOffset":          formatInt(int64(s.NextPosition)),
		"commitLogDirCapacity":        fmt.Sprintf("Total : %d B, Free : %d B.", total, free),
		"sendThreadPoolQueueSize":     "0",
		"pullThreadPoolQueueSize":     strconv.Itoa(a.parked()),
		"sendThreadPoolQueueCapacity": "0",
		"pullThreadPoolQueueCapacity": strconv.Itoa(a.options.PullsParkedMax),
		"timerReadBehind":             "0",
		"timerOffsetBehind":           "0",
		"goroutines":                  strconv.Itoa(runtime.NumGoroutine()),
		"raftState":                   s.State,
		"raftTerm":                    formatInt(int64(s.Term)),
		"raftLeader":                  string(s.Leader),
		"raftCommitIndex":             formatInt(int64(s.CommitIndex)),
		"raftAppliedIndex":            formatInt(int64(s.AppliedIndex)),
		"flushMode":                   s.Flush,
	}
	for _, name := range unmeasured {
		table[name] = "0"
	}
	a.addDelays(table)
	return r.body(protocol.KVTable{Table: table})
}

// unmeasured are numbers that tools parse and that have no counterpart here: no request waits in a thread pool, and totals begin with the
// process.
var unmeasured = []string{
	"msgPutTotalTodayMorning", "msgPutTotalYesterdayMorning", "msgGetTotalTodayMorning", "msgGetTotalYesterdayMorning",
	"sendThreadPoolQueueHeadWaitTimeMills", "pullThreadPoolQueueHeadWaitTimeMills", "queryThreadPoolQueueHeadWaitTimeMills",
	"queryThreadPoolQueueSize", "EndTransactionQueueSize",
}

// addDelays shows how far each delay level is: "released,stored".
func (a *brokerAdmin) addDelays(table map[string]string) {
	t := a.state.Topic(message.ScheduleTopic)
	if t == nil {
		return
	}
	for level, cursor := range a.state.DelayCursors() {
		held := a.state.Range(consumequeue.Key{Topic: t.ID, Queue: level - 1})
		table["scheduleMessageOffset_"+itoa(level)] = fmt.Sprintf("%d,%d", cursor, held.Max)
	}
}

// earliest is the wall time (ms) from which on messages are kept, as far as boundaries tell; else the start of this process.
func (a *brokerAdmin) earliest() int64 {
	times := []int64{a.started.UnixMilli()}
	for _, b := range a.state.Boundaries() {
		times = append(times, b.WallTime)
	}
	return slices.Min(times)
}

func average(sum, n int64) string {
	if n == 0 {
		return "0"
	}
	return strconv.FormatFloat(float64(sum)/float64(n), 'f', 1, 64)
}

func formatInt(n int64) string { return strconv.FormatInt(n, 10) }

// uptime prints as RocketMQ does: [ 0 days, 1 hours, 2 minutes, 3 seconds ].
func uptime(d time.Duration) string {
	s := int64(d.Seconds())
	return fmt.Sprintf("[ %d days, %d hours, %d minutes, %d seconds ]", s/86400, s/3600%24, s/60%60, s%60)
}
