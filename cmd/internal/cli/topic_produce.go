package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/raftmq/raftmq/client"
)

type topicProduceCommand struct {
	client     clientFlags
	output     outputFlag
	messages   []string
	count      int
	tag        string
	keys       []string
	delay      int
	properties map[string]string
}

func newTopicProduce(env Environment) *cobra.Command {
	o := &topicProduceCommand{}
	cmd := &cobra.Command{
		Use:   "produce TOPIC",
		Short: "Send messages, from -m or one for each line of standard input",
		Long: `Send messages one after the other and print where each is stored. A send that fails is tried again until --timeout, also while a new
leader is being elected; a send whose answer was lost may then be stored twice.`,
		Example: `  raftmq topic produce orders -m hello
  raftmq topic produce orders -m hello --count 100 --tag paid --key order-17
  seq 1000 | raftmq topic produce orders`,
		Args: usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, args[0]) },
	}
	o.client.add(cmd, env)
	o.output.add(cmd)
	cmd.Flags().StringArrayVarP(&o.messages, "message", "m", nil, "`BODY` of a message; may be repeated")
	cmd.Flags().IntVar(&o.count, "count", 1, "send each message `N` times")
	cmd.Flags().StringVar(&o.tag, "tag", "", "`TAG` of the messages")
	cmd.Flags().StringSliceVar(&o.keys, "key", nil, "`KEYS` of the messages")
	cmd.Flags().IntVar(&o.delay, "delay-level", 0, "deliver after the delay of `LEVEL` (1: 1s, 2: 5s, …)")
	cmd.Flags().StringToStringVar(&o.properties, "property", nil, "`NAME=VALUE` of a property; may be repeated")
	return cmd
}

func (o *topicProduceCommand) run(cmd *cobra.Command, topic string) error {
	ctx, cancel := withSignals(cmd.Context())
	defer cancel()
	return o.client.connect(func(c *client.Client) error {
		p := c.NewProducer(client.ProducerOptions{RetryFor: o.client.timeout, Timeout: min(time.Second, o.client.timeout)})
		return o.bodies(cmd.InOrStdin(), func(body string) error {
			for range o.count {
				if err := o.send(ctx, cmd, p, topic, body); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// bodies calls do for each -m, or for each line of in.
func (o *topicProduceCommand) bodies(in io.Reader, do func(string) error) error {
	if len(o.messages) > 0 {
		for _, m := range o.messages {
			if err := do(m); err != nil {
				return err
			}
		}
		return nil
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		if err := do(lines.Text()); err != nil {
			return err
		}
	}
	return lines.Err()
}

// sentView is the JSON line of a message that was stored.
type sentView struct {
	Broker   string `json:"broker"`
	Queue    int32  `json:"queue"`
	Offset   int64  `json:"queue_offset"`
	ID       string `json:"msg_id"`
	OffsetID string `json:"offset_msg_id"`
}

func (o *topicProduceCommand) send(ctx context.Context, cmd *cobra.Command, p *client.Producer, topic, body string) error {
	ctx, cancel := context.WithTimeout(ctx, o.client.timeout+time.Second)
	defer cancel()
	r, err := p.Send(ctx, &client.Message{Topic: topic, Body: []byte(body), Tags: o.tag, Keys: o.keys, DelayLevel: o.delay, Properties: o.properties})
	if errors.Is(err, client.ErrNoRoute) {
		return fmt.Errorf("%w; create the topic with: raftmq topic create %s", err, topic)
	}
	if err != nil {
		return err
	}
	v := sentView{r.Queue.Broker, r.Queue.ID, int64(r.QueueOffset), r.UniqueID, r.OffsetID}
	if o.output.format == "json" {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(v)
	}
	status := map[int32]string{0: "SEND_OK", 10: "FLUSH_DISK_TIMEOUT", 11: "SLAVE_NOT_AVAILABLE", 12: "FLUSH_SLAVE_TIMEOUT"}[r.Code]
	fmt.Fprintf(cmd.OutOrStdout(), "%s broker=%s queue=%d offset=%d msgId=%s\n", orDash(status), v.Broker, v.Queue, v.Offset, strings.TrimSpace(v.ID))
	return nil
}
