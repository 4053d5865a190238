package compat

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/admin"

	"github.com/raftmq/raftmq/test/compat/internal/frame"
)

func TestTopicIsListedAndDeleted(t *testing.T) {
	t.Parallel()
	client := newAdmin(t)
	topic := newTopic(t, 3)
	queues, err := client.FetchPublishMessageQueues(t.Context(), topic)
	if err != nil || len(queues) != 3*len(leaders(t)) {
		t.Errorf("queues of the new topic: %v, %v", queues, err)
	}
	list, err := client.FetchAllTopicList(t.Context())
	if err != nil || !slices.Contains(list.TopicList, topic) {
		t.Errorf("list of %d topics, %v: does not name %s", len(list.TopicList), err, topic)
	}
	for _, addr := range leaders(t) {
		err := client.DeleteTopic(t.Context(), admin.WithTopicDelete(topic), admin.WithBrokerAddrDelete(addr),
			admin.WithNameSrvAddr(namesrv()))
		if err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, settle, func() error {
		_, err := frame.QueryRoute(namesrv()[0], topic)
		if err == nil {
			return errors.New("still has a route")
		}
		if !strings.Contains(err.Error(), "code 17") {
			return err
		}
		list, err := client.FetchAllTopicList(t.Context())
		if err == nil && slices.Contains(list.TopicList, topic) {
			return errors.New("still listed")
		}
		return err
	})
}

func TestTopicIsChanged(t *testing.T) {
	t.Parallel()
	client, topic := newAdmin(t), newTopic(t, 2)
	for _, addr := range leaders(t) {
		for range 2 { // the same again changes nothing and succeeds
			err := client.CreateTopic(t.Context(), admin.WithTopicCreate(topic), admin.WithBrokerAddrCreate(addr),
				admin.WithReadQueueNums(6), admin.WithWriteQueueNums(6))
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	waitRoute(t, topic, 6*len(leaders(t)))
}

func TestGroupIsListed(t *testing.T) {
	t.Parallel()
	client, topic, group := newAdmin(t), newTopic(t, 1), unique(t, "g")
	startConsumer(t, group, topic, "*", &sink{})
	for _, addr := range leaders(t) {
		eventually(t, settle, func() error {
			groups, err := client.GetAllSubscriptionGroup(t.Context(), addr, 3*time.Second)
			if err != nil {
				return err
			}
			g, ok := groups.SubscriptionGroupTable[group]
			if !ok || !g.ConsumeEnable || g.RetryMaxTimes != 16 || g.RetryQueueNums != 1 || g.WhichBrokerWhenConsumeSlowly != 1 {
				return fmt.Errorf("%s has %d groups, ours as %+v", addr, len(groups.SubscriptionGroupTable), g)
			}
			return nil
		})
	}
}
