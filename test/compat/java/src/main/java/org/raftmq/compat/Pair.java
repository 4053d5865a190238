package org.raftmq.compat;

import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/**
 * A producer and a push consumer with their default settings that run while a cluster is disturbed and keep a journal;
 * test/compat/cmd/pair judges it. Options: journal=FILE duration=SECONDS drain=SECONDS rate=PER_SECOND lanes=N
 * topic=NAME queues=PER_LEADER.
 * It ends early, with its journal complete, when the process is asked to terminate.
 */
final class Pair {
    private final String namesrv;
    private final Map<String, String> options;
    private final String name = "pair_java_" + Long.toHexString(System.nanoTime());
    private final Set<String> seen = ConcurrentHashMap.newKeySet(); // delivered
    private final Set<String> open = ConcurrentHashMap.newKeySet(); // acked; those not seen are waited for
    private final AtomicInteger failed = new AtomicInteger();
    private volatile boolean stopped;
    private volatile boolean finished;

    Pair(String namesrv, Map<String, String> options) {
        this.namesrv = namesrv;
        this.options = options;
    }

    private int number(String key, int otherwise) {
        return Integer.parseInt(options.getOrDefault(key, String.valueOf(otherwise)));
    }

    /** Returns whether everything acknowledged was delivered. */
    boolean run() throws Exception {
        Thread main = Thread.currentThread();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            stopped = true;
            while (!finished && main.isAlive()) { // the process ends when this hook does
                pause(50);
            }
        }));
        try (Journal journal = new Journal(Paths.get(options.getOrDefault("journal", "pair-java.jsonl")))) {
            DefaultMQProducer producer = new DefaultMQProducer(name + "_p");
            producer.setNamesrvAddr(namesrv);
            producer.start();
            String topic = options.containsKey("topic") ? options.get("topic") : createTopic(producer);
            DefaultMQPushConsumer consumer = startConsumer(topic, journal);
            send(producer, topic, journal);
            journal.end();
            drain();
            producer.shutdown();
            consumer.shutdown();
            System.out.printf("{\"acked\":%d,\"failed\":%d,\"open\":%d}%n", open.size(), failed.get(), missing());
        } finally {
            finished = true;
        }
        return missing() == 0;
    }

    private long missing() {
        return open.stream().filter(id -> !seen.contains(id)).count();
    }

    private String createTopic(DefaultMQProducer producer) throws Exception {
        int wanted = number("queues", 8);
        Versions.createTopic(producer, "TBW102", name, wanted);
        long leaders = producer.fetchPublishMessageQueues("TBW102").stream().map(q -> q.getBrokerName()).distinct().count();
        Cluster.eventually(Cluster.SETTLE, () -> {
            int queues = producer.fetchPublishMessageQueues(name).size();
            Case.check(queues == wanted * leaders, "%s has %d queues", name, queues);
        });
        return name;
    }

    /** The one setting that is not the default: a new group begins at the first message, so that none is passed over. */
    private DefaultMQPushConsumer startConsumer(String topic, Journal journal) throws Exception {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(name + "_c");
        consumer.setNamesrvAddr(namesrv);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (MessageExt m : messages) {
                String id = new String(m.getBody());
                seen.add(id);
                try {
                    journal.delivered(id, context.getMessageQueue().getBrokerName(), m.getQueueId(), m.getQueueOffset());
                } catch (Exception e) {
                    throw new IllegalStateException(e);
                }
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        return consumer;
    }

    /** Runs the lanes, each of which waits for its answers and does not catch up afterwards. */
    private void send(DefaultMQProducer producer, String topic, Journal journal) throws Exception {
        int lanes = number("lanes", 16);
        long interval = 1_000_000_000L * lanes / number("rate", 200);
        long begin = System.nanoTime();
        long end = begin + number("duration", 60) * 1_000_000_000L;
        List<Thread> threads = new ArrayList<>();
        for (int n = 1; n <= lanes; n++) {
            int lane = n;
            Thread thread = new Thread(() -> {
                long next = begin + interval * (lane - 1) / lanes;
                for (int seq = 1; !stopped && next < end; seq++) {
                    pause((next - System.nanoTime()) / 1_000_000);
                    sendOne(producer, topic, lane, seq, journal);
                    next = Math.max(next + interval, System.nanoTime());
                }
            });
            thread.start();
            threads.add(thread);
        }
        for (Thread thread : threads) {
            thread.join();
        }
    }

    private void sendOne(DefaultMQProducer producer, String topic, int lane, int seq, Journal journal) {
        String id = name + "-" + lane + "-" + seq;
        long begin = System.nanoTime();
        try {
            try {
                SendResult r = producer.send(new Message(topic, id.getBytes()));
                open.add(id);
                journal.acked(id, lane, seq, r.getMessageQueue().getBrokerName(), r.getMessageQueue().getQueueId(),
                    r.getQueueOffset(), (System.nanoTime() - begin) / 1_000_000, r.getSendStatus().name());
            } catch (java.io.IOException e) {
                throw e;
            } catch (Exception e) {
                failed.incrementAndGet();
                journal.failed(id, lane, seq, (System.nanoTime() - begin) / 1_000_000, e);
            }
        } catch (java.io.IOException e) {
            throw new IllegalStateException("the journal cannot be written", e);
        }
    }

    private void drain() {
        long deadline = System.nanoTime() + number("drain", 90) * 1_000_000_000L;
        while (missing() > 0 && System.nanoTime() < deadline) {
            pause(100);
        }
    }

    private static void pause(long millis) {
        if (millis <= 0) {
            return;
        }
        try {
            Thread.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
