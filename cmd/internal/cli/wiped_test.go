package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/raftmq/raftmq/client"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// wipedCluster is a group whose retention removes what is older than a few MiB.
type wipedCluster struct {
	t       *testing.T
	dir     string
	client  *client.Client
	brokers map[string]string // node → client address
}

func newWipedCluster(t *testing.T) *wipedCluster {
	t.Helper()
	if testing.Short() {
		t.Skip("starts processes")
	}
	c := &wipedCluster{t: t, dir: filepath.Join(t.TempDir(), "dev"), brokers: map[string]string{}}
	t.Cleanup(func() { keepLogs(t, c.dir) })
	base := freeBase(t)
	t.Cleanup(func() { raftmq(t, nil, "dev", "down", "--dir", c.dir) })
	d := &dev{dir: c.dir, devState: devState{File: devClusterFile, Supervise: true}}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := d.generate(1, 3, base); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(c.dir, devClusterFile)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	small := strings.Replace(string(text), `commitlog_file_size = "64MiB"`,
		"commitlog_file_size = \"1MiB\"\n    boundary_size = \"1MiB\"\n    retention_size = \"4MiB\"", 1)
	if err := os.WriteFile(file, []byte(small), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.save(); err != nil {
		t.Fatal(err)
	}
	_, namesrv, _ := strings.Cut(mustRun(t, "dev", "up", "--dir", c.dir), "export NAMESRV_ADDR=")
	for _, n := range statusOf(t, c.dir).Nodes {
		c.brokers[n.ID] = n.Client
	}
	if c.client, err = client.New(client.Options{NameServers: []string{strings.TrimSpace(namesrv)}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.client.Close() })
	return c
}

const (
	wipedTopic  = "orders"
	wipedQueues = 2
)

// send sends n messages of 8 KiB.
func (c *wipedCluster) send(n int) {
	c.t.Helper()
	p := c.client.NewProducer(client.ProducerOptions{RetryFor: 10 * time.Second})
	body := bytes.Repeat([]byte("x"), 8<<10)
	for range n {
		if _, err := p.Send(c.t.Context(), &client.Message{Topic: wipedTopic, Body: body}); err != nil {
			c.t.Fatal(err)
		}
	}
}

// held is what a member says that a queue holds.
func (c *wipedCluster) held(node string, queue int32) offset.Range {
	c.t.Helper()
	resp, err := c.client.Invoke(c.t.Context(), c.brokers[node], protocol.CodeGetTopicStatsInfo, &protocol.TopicHeader{Topic: wipedTopic}, nil)
	if err != nil {
		return offset.Range{}
	}
	var stats protocol.TopicStatsTable
	if err := stats.Decode(resp.Body); err != nil {
		c.t.Fatal(err)
	}
	o := stats.OffsetTable[protocol.MessageQueue{Topic: wipedTopic, BrokerName: "RaftNode00", QueueID: queue}]
	return offset.Range{Min: offset.Queue(o.MinOffset), Max: offset.Queue(o.MaxOffset)}
}

// stored pulls a whole queue from one member: the stored bytes, physical offsets and all.
func (c *wipedCluster) stored(node string, queue int32) []byte {
	c.t.Helper()
	var all []byte
	held := c.held(node, queue)
	for at := held.Min; at < held.Max; {
		pull := protocol.PullMessageHeader{
			ConsumerGroup: "reader", Topic: wipedTopic, QueueID: queue, QueueOffset: int64(at), MaxMsgNums: 32,
			SysFlag: protocol.PullSubscription, Subscription: "*", ExpressionType: "TAG",
		}
		eventually(c.t, fmt.Sprintf("%s serves queue %d at %d of %v", node, queue, at, held), func() bool {
			resp, err := c.client.Invoke(c.t.Context(), c.brokers[node], protocol.CodePullMessage, &pull, nil)
			if err != nil { // for a moment after a change of leader a follower sends its clients home
				return false
			}
			next, _ := resp.Ext.Get("nextBeginOffset")
			n, err := strconv.ParseInt(next, 10, 64)
			all, at = append(all, resp.Body...), offset.Queue(n)
			return err == nil
		})
	}
	return all
}

// TestWipedMemberEndsAsTheOthers (must-show 5): a node whose directory was emptied is refused under its old identity; added as a new instance
// it ends with the same retained messages and queue offsets as the others, leads, and serves the oldest messages.
func TestWipedMemberEndsAsTheOthers(t *testing.T) {
	c := newWipedCluster(t)
	mustRun(t, "topic", "create", wipedTopic, "--queues", fmt.Sprint(wipedQueues), "-n", strings.TrimSpace(c.namesrv()))
	c.send(1000) // 8 MiB: the first half is to go
	eventually(t, "retention", func() bool { return c.held("n0", 0).Min > 0 && c.held("n1", 0).Min > 0 && c.held("n2", 0).Min > 0 })
	queue := client.Queue{Topic: wipedTopic, Broker: "RaftNode00", ID: 0}
	reader := c.client.NewPullConsumer("reader")
	if _, err := reader.Pull(t.Context(), client.NewPullRequest(queue, c.held("n0", 0).Min)); err != nil { // makes the group
		t.Fatal(err)
	}
	if err := c.client.CommitOffset(t.Context(), "reader", queue, 321); err != nil {
		t.Fatal(err)
	}

	wiped := c.replace()
	nodes := []string{"n0", "n1", "n2"}
	eventually(t, "equal queues", func() bool {
		for queue := range int32(wipedQueues) {
			for _, n := range nodes {
				if c.held(n, queue) != c.held("n0", queue) {
					return false
				}
			}
		}
		return true
	})
	c.equal(nodes)

	mustRun(t, "raft", "transfer-leader", "--to", wiped, "--dir", c.dir)
	eventually(t, "the new instance leads", func() bool { return leaderOf(statusOf(t, c.dir)) == wiped })
	if c.held(wiped, 0).Min == 0 {
		t.Errorf("the new instance holds %v", c.held(wiped, 0))
	}
	c.equal(nodes)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if at, found, err := c.client.CommittedOffset(ctx, "reader", queue); err != nil || !found || at != 321 {
		t.Errorf("the group's offset is %d, %v, %v", at, found, err)
	}
	c.send(10)
	mustRun(t, "dev", "down", "--dir", c.dir)
	dirs := []string{}
	for _, n := range statusOf(t, c.dir).Nodes {
		mustRun(t, "debug", "verify", n.Dir)
		dirs = append(dirs, n.Dir)
	}
	mustRun(t, append([]string{"debug", "compare"}, dirs...)...)
}

func (c *wipedCluster) namesrv() string { return statusOf(c.t, c.dir).Namesrv }

// replace empties a follower's directory and adds it anew; it returns the node.
func (c *wipedCluster) replace() string {
	c.t.Helper()
	before := peersOf(c.t, c.dir)
	replaceWiped(c.t, c.dir)
	for _, row := range peersOf(c.t, c.dir) {
		if !slices.ContainsFunc(before, func(old peerRow) bool { return old.ID == row.ID }) {
			return row.Node
		}
	}
	c.t.Fatal("no member is new")
	return ""
}

// equal compares what every member hands out, byte by byte.
func (c *wipedCluster) equal(nodes []string) {
	c.t.Helper()
	for queue := range int32(wipedQueues) {
		want := c.stored(nodes[0], queue)
		for _, n := range nodes[1:] {
			if got := c.stored(n, queue); len(want) == 0 || !bytes.Equal(got, want) {
				c.t.Errorf("queue %d: %s has %d bytes, %s others: %d", queue, nodes[0], len(want), n, len(got))
			}
		}
	}
}
