package org.raftmq.compat;

import static org.raftmq.compat.Case.check;
import static org.raftmq.compat.Cluster.SETTLE;
import static org.raftmq.compat.Cluster.bodies;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.common.UtilAll;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;

/** DefaultMQPushConsumer: sharing queues, tags, where to begin, offsets, long polling. */
final class ConsumeCases {
    /** How soon a group must share its queues anew: the broker's notice is immediate, the client's own timer 20 s. */
    private static final long REBALANCE = 10_000;

    private ConsumeCases() {
    }

    static List<Case> all() {
        List<Case> cases = new ArrayList<>(Arrays.asList(
            new Case("rebalance", ConsumeCases::rebalance),
            new Case("broadcasting", ConsumeCases::broadcasting),
            new Case("twoGroups", ConsumeCases::twoGroups),
            new Case("tags", ConsumeCases::tags),
            new Case("orderly", ConsumeCases::orderly),
            new Case("resetOffset", ConsumeCases::resetOffset),
            new Case("offsetsKept", ConsumeCases::offsetsKept),
            new Case("longPolling", ConsumeCases::longPolling)));
        for (ConsumeFromWhere where : Arrays.asList(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET,
            ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET, ConsumeFromWhere.CONSUME_FROM_TIMESTAMP)) {
            String name = where.name().replace("CONSUME_FROM_", "").toLowerCase();
            cases.add(new Case("young_topic_from_" + name, c -> from(c, where, true)));
            cases.add(new Case("empty_topic_from_" + name, c -> from(c, where, false)));
        }
        return cases;
    }

    private static void rebalance(Cluster c) throws Exception {
        String topic = c.topic(8);
        String group = c.unique("g");
        int all = 8 * c.leaders();
        Sink first = new Sink();
        Sink second = new Sink();
        c.consume(group, topic, "*", first);
        awaitShares(c, topic, all, first, all, second, 0);
        DefaultMQPushConsumer joined = c.consume(group, topic, "*", second);
        awaitShares(c, topic, all, first, all / 2, second, all / 2);
        joined.shutdown();
        awaitShares(c, topic, all, first, all, second, 0);
    }

    /** Sends to every queue until the members get the messages of so many queues, none of them both. */
    private static void awaitShares(Cluster c, String topic, int all, Sink first, int a, Sink second, int b) throws Exception {
        Cluster.eventually(REBALANCE, () -> {
            first.forget();
            second.forget();
            c.send(topic, bodies("probe", all));
            Cluster.eventually(1000, () -> {
                check(Collections.disjoint(first.queues(), second.queues()), "both members get %s", first.queues());
                check(first.queues().size() == a && second.queues().size() == b, "members have %d and %d queues, want %d and %d",
                    first.queues().size(), second.queues().size(), a, b);
            });
        });
    }

    private static void broadcasting(Cluster c) throws Exception {
        String topic = c.topic(4);
        String group = c.unique("g");
        List<Sink> sinks = Arrays.asList(new Sink(), new Sink());
        for (Sink sink : sinks) {
            DefaultMQPushConsumer consumer = c.consumer(group, topic, "*");
            Versions.broadcast(consumer);
            consumer.registerMessageListener(sink);
            consumer.start();
        }
        List<String> want = bodies("broadcast", 40);
        c.send(topic, want);
        for (Sink sink : sinks) {
            sink.await(SETTLE, want);
        }
    }

    private static void twoGroups(Cluster c) throws Exception {
        String topic = c.topic(4);
        List<String> want = bodies("fan", 40);
        List<Sink> sinks = Arrays.asList(new Sink(), new Sink());
        for (Sink sink : sinks) {
            c.consume(c.unique("g"), topic, "*", sink);
        }
        c.send(topic, want);
        for (Sink sink : sinks) {
            sink.await(SETTLE, want);
        }
    }

    private static void tags(Cluster c) throws Exception {
        int queues = 2;
        String topic = c.topic(queues);
        // "Aa" and "BB" have equal hash codes: the broker lets both pass, the client tells them apart.
        for (String tag : Arrays.asList("A", "B", "C", "Aa", "BB", null)) {
            for (String body : bodies("tag-" + tag, 10)) {
                c.send(new Message(topic, tag, body.getBytes()));
            }
        }
        List<String> ends = bodies("end", queues * c.leaders()); // in each queue: all before it were looked at
        for (String body : ends) {
            c.send(new Message(topic, "end", body.getBytes()));
        }
        awaitTags(c, topic, "A || B || end", ends, "A", "B");
        awaitTags(c, topic, "A||end", ends, "A");
        awaitTags(c, topic, "*", ends, "A", "B", "C", "Aa", "BB", null);
        awaitTags(c, topic, "Aa || end", ends, "Aa");
        awaitTags(c, topic, "end", ends);
    }

    private static void awaitTags(Cluster c, String topic, String expression, List<String> ends, String... tags) throws Exception {
        List<String> want = new ArrayList<>(ends);
        for (String tag : tags) {
            want.addAll(bodies("tag-" + tag, 10));
        }
        Sink sink = new Sink();
        c.consume(c.unique("g"), topic, expression, sink);
        sink.await(SETTLE, want);
    }

    /**
     * Where a new group begins. On a young topic, whose first message is still in memory, the broker answers offset 0
     * whatever the client asks for (ConsumerManageProcessor#queryConsumerOffset); on an empty one the client decides.
     */
    private static void from(Cluster c, ConsumeFromWhere where, boolean young) throws Exception {
        String topic = c.topic(2);
        List<String> want = bodies("from", 10);
        if (young) {
            c.send(topic, want);
        }
        Sink sink = new Sink();
        DefaultMQPushConsumer consumer = c.consumer(c.unique("g"), topic, "*");
        consumer.setConsumeFromWhere(where);
        consumer.setConsumeTimestamp(UtilAll.timeMillisToHumanString3(System.currentTimeMillis() - 60_000));
        consumer.registerMessageListener(sink);
        consumer.start();
        if (!young) {
            Thread.sleep(2000); // until the first rebalance has asked for offsets of empty queues
            c.send(topic, want);
        }
        sink.await(SETTLE, want);
    }

    private static void orderly(Cluster c) throws Exception {
        String topic = c.topic(2);
        List<String> want = bodies("ordered", 40);
        Sink sink = new Sink();
        DefaultMQPushConsumer consumer = c.consumer(c.unique("g"), topic, "*");
        consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
            messages.forEach(m -> sink.add(m, context.getMessageQueue().toString()));
            return ConsumeOrderlyStatus.SUCCESS;
        });
        consumer.start();
        c.send(topic, want);
        sink.await(2 * SETTLE, want);
        for (String queue : sink.queues()) {
            long last = -1;
            for (Sink.Delivery d : sink.deliveries()) {
                if (d.queue.equals(queue)) {
                    check(d.message.getQueueOffset() > last, "%s came after offset %d", d.message, last);
                    last = d.message.getQueueOffset();
                }
            }
        }
    }

    /** mqadmin sends a running group back to the beginning. */
    private static void resetOffset(Cluster c) throws Exception {
        String topic = c.topic(2);
        String group = c.unique("g");
        List<String> want = bodies("again", 10);
        c.send(topic, want);
        Sink sink = new Sink();
        c.consume(group, topic, "*", sink);
        sink.await(SETTLE, want);
        String output = MqAdmin.run(c, "resetOffsetByTime", "-g", group, "-t", topic, "-s", "0");
        check(output.contains(topic), "mqadmin printed %s", output);
        List<String> twice = new ArrayList<>(want);
        twice.addAll(want);
        sink.await(2 * SETTLE, twice);
    }

    private static void offsetsKept(Cluster c) throws Exception {
        String topic = c.topic(4);
        String group = c.unique("g");
        List<String> old = bodies("before", 40);
        c.send(topic, old);
        Sink sink = new Sink();
        DefaultMQPushConsumer consumer = c.consume(group, topic, "*", sink);
        sink.await(SETTLE, old);
        consumer.shutdown(); // commits the offsets
        List<String> fresh = bodies("while-away", 20);
        c.send(topic, fresh);
        Sink again = new Sink();
        c.consume(group, topic, "*", again);
        again.await(SETTLE, fresh);
    }

    private static void longPolling(Cluster c) throws Exception {
        String topic = c.topic(1);
        Sink sink = new Sink();
        c.consume(c.unique("g"), topic, "*", sink);
        List<String> want = new ArrayList<>(Collections.singletonList("warm up"));
        c.send(topic, want);
        sink.await(SETTLE, want);
        for (int i = 0; i < 5; i++) {
            String body = "polled " + i;
            want.add(body);
            long sent = System.currentTimeMillis();
            c.send(topic, Collections.singletonList(body));
            sink.await(SETTLE, want);
            long took = sink.deliveries().get(i + 1).at - sent;
            check(took < 3000, "message %d took %d ms", i, took);
        }
    }
}
