package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/admin"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"

	"github.com/raftmq/raftmq/test/compat/internal/frame"
	"github.com/raftmq/raftmq/test/compat/internal/pair"
)

type options struct {
	namesrv, topic, journal string
	duration, drain         time.Duration
	rate, lanes, queues     int
	retry                   int // 0: the default
}

// run sends and consumes until ctx or the duration ends, then until everything acknowledged has been delivered.
func run(ctx context.Context, o options) error {
	if o.namesrv == "" {
		return errors.New("no NameServer: use -namesrv or NAMESRV_ADDR")
	}
	servers := strings.Split(o.namesrv, ";")
	name := fmt.Sprintf("pair_go_%x_%d", time.Now().UnixNano(), os.Getpid())
	if o.topic == "" {
		o.topic = name
		if err := createTopic(ctx, servers, o.topic, o.queues); err != nil {
			return err
		}
	}
	journal, err := pair.Create(o.journal)
	if err != nil {
		return err
	}
	open := newLedger(journal)
	c, err := startConsumer(servers, name, o.topic, open)
	if err != nil {
		return err
	}
	p, err := startProducer(servers, name, o.retry)
	if err != nil {
		return err
	}
	sending, stop := context.WithTimeout(ctx, o.duration)
	defer stop()
	send(sending, o, name, p, open)
	journal.Add(pair.Event{Event: pair.End})
	open.drain(o.drain)
	p.Shutdown()
	c.Shutdown()
	return journal.Close()
}

// createTopic creates the topic on every leader and waits until the NameServer shows it.
func createTopic(ctx context.Context, servers []string, topic string, queues int) error {
	client, err := admin.NewAdmin(admin.WithResolver(primitive.NewPassthroughResolver(servers)))
	if err != nil {
		return err
	}
	defer client.Close()
	cluster, err := frame.QueryRoute(servers[0], "TBW102")
	if err != nil {
		return err
	}
	leaders := cluster.Leaders()
	for _, addr := range leaders {
		err := client.CreateTopic(ctx, admin.WithTopicCreate(topic), admin.WithBrokerAddrCreate(addr),
			admin.WithReadQueueNums(queues), admin.WithWriteQueueNums(queues))
		if err != nil {
			return fmt.Errorf("create %s at %s: %w", topic, addr, err)
		}
	}
	deadline := time.Now().Add(15 * time.Second)
	for {
		route, err := frame.QueryRoute(servers[0], topic)
		if err == nil && len(leaders) > 0 && len(route.Leaders()) == len(leaders) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the NameServer does not show %s on %v: %v, %v", topic, leaders, route, err)
		}
		<-time.After(100 * time.Millisecond)
	}
}

// startConsumer differs from the defaults in one point: a new group begins at the first message, so that nothing that is
// sent before its first rebalance is passed over.
func startConsumer(servers []string, name, topic string, open *ledger) (rocketmq.PushConsumer, error) {
	c, err := rocketmq.NewPushConsumer(consumer.WithNameServer(servers), consumer.WithGroupName(name+"_c"),
		consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset))
	if err != nil {
		return nil, err
	}
	err = c.Subscribe(topic, consumer.MessageSelector{}, func(_ context.Context, msgs ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		for _, m := range msgs {
			open.delivered(string(m.Body), m.Queue, m.QueueOffset)
		}
		return consumer.ConsumeSuccess, nil
	})
	if err != nil {
		return nil, err
	}
	return c, c.Start()
}

func startProducer(servers []string, name string, retry int) (rocketmq.Producer, error) {
	settings := []producer.Option{producer.WithNameServer(servers), producer.WithGroupName(name + "_p")}
	if retry > 0 {
		settings = append(settings, producer.WithRetry(retry))
	}
	p, err := rocketmq.NewProducer(settings...)
	if err != nil {
		return nil, err
	}
	return p, p.Start()
}

// send runs the lanes until ctx ends. A lane that an answer holds up does not catch up afterwards.
func send(ctx context.Context, o options, name string, p rocketmq.Producer, open *ledger) {
	var lanes sync.WaitGroup
	interval := time.Second * time.Duration(o.lanes) / time.Duration(o.rate)
	for lane := 1; lane <= o.lanes; lane++ {
		offset := interval * time.Duration(lane-1) / time.Duration(o.lanes)
		lanes.Go(func() {
			if !pause(ctx, offset) {
				return
			}
			tick := time.NewTicker(interval)
			defer tick.Stop()
			for seq := 1; ; seq++ {
				sendOne(p, o.topic, fmt.Sprintf("%s-%d-%d", name, lane, seq), lane, seq, open)
				select {
				case <-tick.C:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	lanes.Wait()
}

// sendOne sends without the context of the run, so that the end of the run does not make a send of unknown outcome.
func sendOne(p rocketmq.Producer, topic, id string, lane, seq int, open *ledger) {
	begin := time.Now()
	result, err := p.SendSync(context.Background(), primitive.NewMessage(topic, []byte(id)))
	event := pair.Event{ID: id, Lane: lane, Seq: seq, Millis: time.Since(begin).Milliseconds()}
	if err != nil {
		event.Event, event.Error = pair.Failed, err.Error()
		open.journal.Add(event)
		return
	}
	event.Event, event.Broker = pair.Ack, result.MessageQueue.BrokerName
	event.Queue, event.Offset = result.MessageQueue.QueueId, result.QueueOffset
	if result.Status != primitive.SendOK {
		event.Status = fmt.Sprint(result.Status)
	}
	open.acked(event)
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
