package org.raftmq.compat;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageQueue;

/** The cluster under test as one case sees it: names that no other case uses, and clients that end with the case. */
final class Cluster implements AutoCloseable {
    /** How long a healthy cluster may take: a client that missed its first rebalance tries again after 20 s. */
    static final long SETTLE = 40_000;

    private static final AtomicLong NAMES = new AtomicLong();
    /** The topic whose route names every broker that creates topics by itself, which is the default. */
    private static final String EVERYWHERE = "TBW102";

    final String namesrv;
    private final String prefix;
    private final Deque<Runnable> closers = new ArrayDeque<>();
    private DefaultMQProducer common;

    Cluster(String namesrv, String caseName) {
        this.namesrv = namesrv;
        this.prefix = "java_" + caseName + "_" + Long.toHexString(System.nanoTime());
    }

    /** What the case does may throw; an action that is tried again until it does not. */
    interface Attempt {
        void run() throws Exception;
    }

    String unique(String kind) {
        return prefix + "_" + kind + "_" + NAMES.incrementAndGet();
    }

    /** A started producer that belongs to the case. */
    DefaultMQProducer producer() throws Exception {
        if (common == null) {
            common = start(new DefaultMQProducer(unique("pg")));
        }
        return common;
    }

    <P extends DefaultMQProducer> P start(P producer) throws Exception {
        producer.setNamesrvAddr(namesrv);
        producer.setInstanceName(unique("p")); // else all clients of the process share one connection and id
        producer.setSendMsgTimeout(20_000); // the machine may be busy with other tests; Pair proves the default of 3 s
        producer.start();
        onClose(producer::shutdown);
        return producer;
    }

    /** A consumer that is not started yet. It begins at the first message, since the topics here are new. */
    DefaultMQPushConsumer consumer(String group, String topic, String tags) throws Exception {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(group);
        consumer.setNamesrvAddr(namesrv);
        consumer.setInstanceName(unique("c"));
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(topic, tags);
        onClose(consumer::shutdown);
        return consumer;
    }

    /** A started consumer that hands everything to the sink. */
    DefaultMQPushConsumer consume(String group, String topic, String tags, Sink sink) throws Exception {
        DefaultMQPushConsumer consumer = consumer(group, topic, tags);
        consumer.registerMessageListener(sink);
        consumer.start();
        return consumer;
    }

    /** Creates a topic with that many queues on each leader and returns when its route shows them. */
    String topic(int queues) throws Exception {
        String topic = unique("topic");
        Versions.createTopic(producer(), EVERYWHERE, topic, queues);
        awaitQueues(topic, queues * leaders());
        return topic;
    }

    List<MessageQueue> awaitQueues(String topic, int queues) throws Exception {
        List<MessageQueue> found = new ArrayList<>();
        eventually(SETTLE, () -> {
            List<MessageQueue> now = producer().fetchPublishMessageQueues(topic);
            Case.check(now.size() == queues, "%s has %d queues, want %d", topic, now.size(), queues);
            found.clear();
            found.addAll(now);
        });
        return found;
    }

    /** The number of groups that have a leader. */
    int leaders() throws Exception {
        return (int) producer().fetchPublishMessageQueues(EVERYWHERE).stream().map(MessageQueue::getBrokerName).distinct().count();
    }

    List<SendResult> send(String topic, List<String> bodies) throws Exception {
        List<SendResult> results = new ArrayList<>();
        for (String body : bodies) {
            results.add(send(new Message(topic, body.getBytes())));
        }
        return results;
    }

    SendResult send(Message message) throws Exception {
        SendResult result = producer().send(message);
        Case.check(result.getSendStatus() == SendStatus.SEND_OK, "sent with %s", result);
        return result;
    }

    static List<String> bodies(String prefix, int n) {
        List<String> bodies = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            bodies.add(String.format("%s-%03d", prefix, i));
        }
        return bodies;
    }

    /** Tries until the attempt does not throw; throws its last failure when the time is over. */
    static void eventually(long millis, Attempt attempt) throws Exception {
        long deadline = System.nanoTime() + millis * 1_000_000;
        while (true) {
            try {
                attempt.run();
                return;
            } catch (Exception | AssertionError e) {
                if (System.nanoTime() > deadline) {
                    throw e;
                }
            }
            Thread.sleep(50);
        }
    }

    void onClose(Runnable closer) {
        closers.push(closer);
    }

    @Override
    public void close() {
        while (!closers.isEmpty()) {
            closers.pop().run();
        }
    }
}
