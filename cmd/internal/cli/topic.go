package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/raftmq/raftmq/client"
)

func newTopic(env Environment) *cobra.Command {
	return group("topic", "List, create and delete topics, send and read messages", `  raftmq topic create orders --queues 4
  raftmq topic produce orders -m hello
  raftmq topic consume orders --from first --count 1`,
		newTopicList(env), newTopicDescribe(env), newTopicCreate(env), newTopicDelete(env), newTopicProduce(env), newTopicConsume(env))
}

// clientFlags are the flags of commands that talk to brokers as any RocketMQ client.
type clientFlags struct {
	env     Environment
	namesrv string
	timeout time.Duration
}

func (f *clientFlags) add(cmd *cobra.Command, env Environment) {
	f.env = env
	cmd.Flags().StringVarP(&f.namesrv, "namesrv", "n", "", "`ADDRESSES` of NameServers, separated by ; (default NAMESRV_ADDR, else 127.0.0.1:9876)")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 10*time.Second, "how long to try")
}

// with calls do with a client and a context bounded by --timeout.
func (f *clientFlags) with(cmd *cobra.Command, do func(ctx context.Context, c *client.Client) error) error {
	ctx, cancel := context.WithTimeout(cmd.Context(), f.timeout)
	defer cancel()
	return f.connect(func(c *client.Client) error { return do(ctx, c) })
}

// connect calls do with a client. Errors of the NameServer say which was asked, since forgetting to name it is the usual mistake.
func (f *clientFlags) connect(do func(c *client.Client) error) error {
	addresses, from := f.nameServers()
	c, err := client.New(client.Options{NameServers: splitAddresses(addresses)})
	if err != nil {
		return usageError("%w (%s)", err, from)
	}
	defer c.Close()
	if err := do(c); err != nil {
		return fmt.Errorf("%w\nNameServer: %s (%s)", err, addresses, from)
	}
	return nil
}

// nameServers returns the addresses of NameServers, and where they are from.
func (f *clientFlags) nameServers() (addresses, from string) {
	if f.namesrv != "" {
		return f.namesrv, "--namesrv"
	}
	if value := envValue(f.env.Environ, "NAMESRV_ADDR"); value != "" {
		return value, "NAMESRV_ADDR"
	}
	return "127.0.0.1:9876", "the default; set NAMESRV_ADDR or --namesrv for another"
}

func splitAddresses(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ';' || r == ',' })
}

// topicView is one line of topic list.
type topicView struct {
	Topic   string   `json:"topic"`
	Queues  int32    `json:"queues"` // to write to, over all brokers
	Perm    string   `json:"perm"`
	Brokers []string `json:"brokers"`
}

func newTopicList(env Environment) *cobra.Command {
	var f clientFlags
	var output outputFlag
	var all bool
	cmd := &cobra.Command{
		Use: "list", Short: "List topics", Example: "  raftmq topic list\n  raftmq topic list --all -o json", Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.with(cmd, func(ctx context.Context, c *client.Client) error {
				views, err := listTopics(ctx, c, all)
				if err != nil {
					return err
				}
				return output.print(cmd, views, func() {
					rows := [][]string{{"TOPIC", "QUEUES", "PERM", "BROKERS"}}
					for _, v := range views {
						rows = append(rows, []string{v.Topic, strconv.Itoa(int(v.Queues)), v.Perm, strings.Join(v.Brokers, ",")})
					}
					table(cmd.OutOrStdout(), rows)
				})
			})
		},
	}
	f.add(cmd, env)
	output.add(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "also topics of the system, of retries and dead letters")
	return cmd
}

func listTopics(ctx context.Context, c *client.Client, all bool) ([]topicView, error) {
	names, err := c.Admin().Topics(ctx)
	if err != nil {
		return nil, err
	}
	brokers, err := c.Admin().Cluster(ctx, "")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	views := []topicView{}
	for _, name := range names {
		if !all && isSystem(name, brokers) {
			continue
		}
		route, err := c.Route(ctx, name)
		if errors.Is(err, client.ErrNoRoute) {
			continue // deleted meanwhile
		}
		if err != nil {
			return nil, err
		}
		views = append(views, viewRoute(route))
	}
	return views, nil
}

func viewRoute(r *client.Route) topicView {
	v := topicView{Topic: r.Topic}
	for _, b := range r.Brokers {
		v.Queues += b.WriteQueues
		v.Perm = strings.TrimSuffix(map[int32]string{2: "w", 4: "r", 6: "rw"}[b.Perm&6], "")
		v.Brokers = append(v.Brokers, b.Name)
	}
	return v
}

// isSystem reports whether a topic is one that brokers make for themselves.
func isSystem(topic string, brokers []client.ClusterBroker) bool {
	for _, b := range brokers {
		if topic == b.Name || topic == b.Cluster || topic == b.Cluster+"_REPLY_TOPIC" {
			return true
		}
	}
	switch topic {
	case "TBW102", "SELF_TEST_TOPIC", "BenchmarkTest", "OFFSET_MOVED_EVENT", "SCHEDULE_TOPIC_XXXX", "TRANS_CHECK_MAX_TIME_TOPIC":
		return true
	}
	return strings.HasPrefix(topic, "%RETRY%") || strings.HasPrefix(topic, "%DLQ%") || strings.HasPrefix(strings.ToLower(topic), "rmq_sys_")
}

// queueView is one line of topic describe.
type queueView struct {
	Broker   string `json:"broker"`
	Queue    int32  `json:"queue"`
	Min      int64  `json:"min_offset"`
	Max      int64  `json:"max_offset"`
	Messages int64  `json:"messages"`
	Updated  string `json:"updated,omitempty"` // RFC 3339
}

func newTopicDescribe(env Environment) *cobra.Command {
	var f clientFlags
	var output outputFlag
	cmd := &cobra.Command{
		Use: "describe TOPIC", Short: "Show the queues of a topic and their offsets", Example: "  raftmq topic describe orders", Args: usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.with(cmd, func(ctx context.Context, c *client.Client) error {
				stats, err := c.Admin().TopicStats(ctx, args[0])
				if err != nil {
					return err
				}
				views := []queueView{}
				for _, s := range stats {
					v := queueView{Broker: s.Queue.Broker, Queue: s.Queue.ID, Min: int64(s.Bounds.Min), Max: int64(s.Bounds.Max), Messages: int64(s.Bounds.Max - s.Bounds.Min)}
					if !s.LastUpdate.IsZero() {
						v.Updated = s.LastUpdate.Format(time.RFC3339)
					}
					views = append(views, v)
				}
				return output.print(cmd, views, func() { table(cmd.OutOrStdout(), queueTable(views)) })
			})
		},
	}
	f.add(cmd, env)
	output.add(cmd)
	return cmd
}

func queueTable(views []queueView) [][]string {
	rows := [][]string{{"BROKER", "QUEUE", "MIN OFFSET", "MAX OFFSET", "MESSAGES", "UPDATED"}}
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	for _, v := range views {
		rows = append(rows, []string{v.Broker, number(int64(v.Queue)), number(v.Min), number(v.Max), number(v.Messages), orDash(v.Updated)})
	}
	return rows
}

func newTopicCreate(env Environment) *cobra.Command {
	var f clientFlags
	var cluster, perm string
	var queues int32
	cmd := &cobra.Command{
		Use: "create TOPIC", Short: "Create a topic on every broker group, or change it", Example: "  raftmq topic create orders --queues 4", Args: usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			bits, ok := map[string]int32{"rw": 6, "r": 4, "w": 2}[perm]
			if !ok {
				return usageError("--perm %s: write rw, r or w", perm)
			}
			return f.with(cmd, func(ctx context.Context, c *client.Client) error {
				if err := c.Admin().CreateTopic(ctx, cluster, client.TopicSpec{Name: args[0], ReadQueues: queues, WriteQueues: queues, Perm: bits}); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "topic %s: %d queues on each broker group\n", args[0], queues)
				return nil
			})
		},
	}
	f.add(cmd, env)
	cmd.Flags().Int32Var(&queues, "queues", 8, "`N` queues on each broker group")
	cmd.Flags().StringVar(&perm, "perm", "rw", "`PERM`: rw, r or w")
	cmd.Flags().StringVar(&cluster, "cluster", "", "`CLUSTER` (default: all that are registered)")
	return cmd
}

func newTopicDelete(env Environment) *cobra.Command {
	var f clientFlags
	var cluster string
	var yes bool
	cmd := &cobra.Command{
		Use: "delete TOPIC", Short: "Delete a topic and the offsets of its consumers", Example: "  raftmq topic delete orders --yes", Args: usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !yes && !confirm(cmd.InOrStdin(), cmd.ErrOrStderr(), "Delete topic "+args[0]+" with its messages and the offsets of its consumers?") {
				return usageError("nothing deleted; answer y, or add --yes")
			}
			return f.with(cmd, func(ctx context.Context, c *client.Client) error {
				if err := c.Admin().DeleteTopic(ctx, cluster, args[0]); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "topic %s deleted\n", args[0])
				return nil
			})
		},
	}
	f.add(cmd, env)
	cmd.Flags().StringVar(&cluster, "cluster", "", "`CLUSTER` (default: all that are registered)")
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// confirm asks a question that only "y" or "yes" answers.
func confirm(in io.Reader, out io.Writer, question string) bool {
	fmt.Fprintf(out, "%s [y/N] ", question)
	line, _ := bufio.NewReader(in).ReadString('\n')
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes"
}
