package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/raftmq/raftmq/client"
	"github.com/raftmq/raftmq/internal/offset"
	"github.com/raftmq/raftmq/remoting/message"
)

const (
	consumeWait  = 5 * time.Second        // how long a broker may hold a pull
	consumePause = 200 * time.Millisecond // after a failed one
)

type topicConsumeCommand struct {
	client  clientFlags
	output  outputFlag
	from    string
	count   int
	tags    string
	group   string
	timeout time.Duration
}

func newTopicConsume(env Environment) *cobra.Command {
	o := &topicConsumeCommand{}
	cmd := &cobra.Command{
		Use:   "consume TOPIC",
		Short: "Print messages as they come",
		Long: `Print the messages of a topic until interrupted, until --count of them, or until none has come for --timeout (0: for ever). Without --group
all queues are read and no offset is stored; with it the command is a member of that consumer group.`,
		Example: `  raftmq topic consume orders --from first --count 10
  raftmq topic consume orders --tags "paid || shipped" -o json
  raftmq topic consume orders --group billing`,
		Args: usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args[0]) },
	}
	o.client.env = env
	cmd.Flags().StringVarP(&o.client.namesrv, "namesrv", "n", "", "`ADDRESSES` of NameServers, separated by ; (default NAMESRV_ADDR, else 127.0.0.1:9876)")
	o.output.add(cmd)
	cmd.Flags().StringVar(&o.from, "from", "last", "`WHERE` to begin without a stored offset: first or last")
	cmd.Flags().IntVar(&o.count, "count", 0, "stop after `N` messages")
	cmd.Flags().StringVar(&o.tags, "tags", "*", "`TAGS` to receive, e.g. \"a || b\"")
	cmd.Flags().StringVar(&o.group, "group", "", "consumer `GROUP` to join")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 0, "stop when nothing has come for so long")
	return cmd
}

func (o *topicConsumeCommand) run(cmd *cobra.Command, topic string) error {
	from, ok := map[string]client.From{"first": client.FromFirst, "last": client.FromLast}[o.from]
	if !ok {
		return usageError("--from %s: write first or last", o.from)
	}
	ctx, cancel := withSignals(cmd.Context())
	defer cancel()
	return o.client.connect(func(c *client.Client) error {
		p := newPrinter(cmd.OutOrStdout(), o.output.format == "json", o.count, o.timeout, cancel)
		defer p.idle.Stop()
		if o.group != "" {
			return o.join(ctx, c, p, topic, from)
		}
		return o.pullAll(ctx, c, p, topic, from)
	})
}

// join consumes as a member of a group.
func (o *topicConsumeCommand) join(ctx context.Context, c *client.Client, p *printer, topic string, from client.From) error {
	consumer, err := c.NewPushConsumer(client.ConsumerOptions{
		Group:         o.group,
		Subscriptions: []client.Subscription{{Topic: topic, Tags: o.tags}},
		From:          from,
		Handle: func(_ context.Context, q client.Queue, messages []*message.Message) client.Result {
			for _, m := range messages {
				if !p.print(q, m) {
					return client.ReconsumeLater
				}
			}
			return client.Consumed
		},
	})
	if err != nil {
		return err
	}
	return p.outcome(consumer.Run(ctx))
}

// pullAll reads every queue of the topic on a goroutine of its own.
func (o *topicConsumeCommand) pullAll(ctx context.Context, c *client.Client, p *printer, topic string, from client.From) error {
	route, err := c.Route(ctx, topic)
	if err != nil {
		return err
	}
	consumer := c.NewPullConsumer("TOOLS_CONSUMER")
	queues := route.ReadQueues()
	errs := make([]error, len(queues))
	var wg sync.WaitGroup
	for i, q := range queues {
		wg.Go(func() { errs[i] = o.pull(ctx, c, consumer, p, q, from) })
	}
	wg.Wait()
	return p.outcome(errors.Join(errs...))
}

// pull prints the messages of one queue until ctx ends. A failed pull is repeated: a new leader may be on its way.
func (o *topicConsumeCommand) pull(ctx context.Context, c *client.Client, consumer *client.PullConsumer, p *printer, q client.Queue, from client.From) error {
	at, err := o.begin(ctx, c, q, from)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		r := client.NewPullRequest(q, at)
		r.Tags, r.Wait = o.tags, consumeWait
		got, err := consumer.Pull(ctx, r)
		if err != nil {
			p.note(err)
			if !pause(ctx, consumePause) {
				return nil
			}
			continue
		}
		for _, m := range got.Messages {
			if !p.print(q, m) {
				return nil
			}
		}
		at = got.Next
	}
	return nil
}

// begin is the first offset to read, asked for until it is known.
func (o *topicConsumeCommand) begin(ctx context.Context, c *client.Client, q client.Queue, from client.From) (offset.Queue, error) {
	ask := c.MaxOffset
	if from == client.FromFirst {
		ask = c.MinOffset
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		at, err := ask(ctx, q)
		if err == nil || ctx.Err() != nil || time.Now().After(deadline) {
			return at, err
		}
		c.ForgetRoute(q.Topic)
		pause(ctx, consumePause)
	}
}

// pause waits and reports whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// printer prints messages of all queues and ends the command when there are enough, or none has come for a while.
type printer struct {
	out    io.Writer
	json   bool
	stop   func()
	silent time.Duration
	idle   *time.Timer

	mu struct {
		sync.Mutex
		left int // -1: no limit
		err  error
	}
}

func newPrinter(out io.Writer, asJSON bool, count int, silent time.Duration, stop func()) *printer {
	p := &printer{out: out, json: asJSON, stop: stop, silent: silent}
	p.mu.left = count
	if count == 0 {
		p.mu.left = -1
	}
	if silent > 0 {
		p.idle = time.AfterFunc(silent, stop)
	} else {
		p.idle = time.NewTimer(time.Hour)
		p.idle.Stop()
	}
	return p
}

// messageView is the JSON line of a message.
type messageView struct {
	Broker     string            `json:"broker"`
	Queue      int32             `json:"queue"`
	Offset     int64             `json:"queue_offset"`
	Stored     time.Time         `json:"stored"`
	Properties map[string]string `json:"properties,omitempty"`
	Body       string            `json:"body"`
}

// print prints m unless there have been enough messages; it reports whether it did.
func (p *printer) print(q client.Queue, m *message.Message) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.left == 0 {
		return false
	}
	if p.silent > 0 {
		p.idle.Reset(p.silent)
	}
	v := messageView{q.Broker, q.ID, int64(m.QueueOffset), time.UnixMilli(m.StoreTimestamp), message.ParseProperties(m.Properties), string(m.Body)}
	if p.json {
		json.NewEncoder(p.out).Encode(v)
	} else {
		fmt.Fprintf(p.out, "%s/%d@%d %s\n", v.Broker, v.Queue, v.Offset, v.Body)
	}
	if p.mu.left--; p.mu.left == 0 {
		p.stop()
	}
	return true
}

// note remembers why reading does not go on, in case the command ends without what it was asked for.
func (p *printer) note(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !errors.Is(err, context.Canceled) {
		p.mu.err = err
	}
}

// outcome is the error of the command: what failed, or that fewer messages came than were asked for.
func (p *printer) outcome(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.mu.left == 0, errors.Is(err, context.Canceled):
		return nil
	case err != nil:
		return err
	case p.mu.left > 0:
		return fmt.Errorf("%d messages are missing (%w)", p.mu.left, errors.Join(errors.New("none came any more"), p.mu.err))
	}
	return nil
}
