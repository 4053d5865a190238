package org.raftmq.compat;

import static org.raftmq.compat.Case.check;
import static org.raftmq.compat.Cluster.SETTLE;
import static org.raftmq.compat.Cluster.bodies;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** Sending: each way that DefaultMQProducer has, and what the broker makes of the messages. */
final class ProduceCases {
    private ProduceCases() {
    }

    static List<Case> all() {
        return Arrays.asList(
            new Case("sendSync", ProduceCases::sendSync),
            new Case("sendAsync", ProduceCases::sendAsync),
            new Case("sendOneway", ProduceCases::sendOneway),
            new Case("sendBatch", ProduceCases::sendBatch),
            new Case("sendBySelector", ProduceCases::sendBySelector),
            new Case("autoCreatedTopic", ProduceCases::autoCreatedTopic),
            new Case("properties", ProduceCases::properties),
            new Case("bigMessages", ProduceCases::bigMessages),
            new Case("tooBigMessage", ProduceCases::tooBigMessage),
            new Case("badQueue", ProduceCases::badQueue));
    }

    private static void sendSync(Cluster c) throws Exception {
        String topic = c.topic(4);
        Map<MessageQueue, Long> next = new HashMap<>();
        for (SendResult r : c.send(topic, bodies("sync", 40))) {
            long want = next.getOrDefault(r.getMessageQueue(), 0L);
            check(r.getQueueOffset() == want, "%s, want offset %d", r, want);
            check(r.getOffsetMsgId().length() == 32 && r.getMsgId() != null && r.getRegionId() != null, "incomplete %s", r);
            next.put(r.getMessageQueue(), want + 1);
        }
        check(next.size() == 4 * c.leaders(), "messages went to %d queues", next.size());
    }

    private static void sendAsync(Cluster c) throws Exception {
        String topic = c.topic(4);
        List<String> want = bodies("async", 200);
        List<String> failures = Collections.synchronizedList(new ArrayList<>());
        CountDownLatch open = new CountDownLatch(want.size());
        Semaphore inFlight = new Semaphore(32); // more is refused with code 2 by a busy Apache broker
        for (String body : want) {
            inFlight.acquire();
            c.producer().send(new Message(topic, body.getBytes()), new SendCallback() {
                @Override
                public void onSuccess(SendResult result) {
                    inFlight.release();
                    open.countDown();
                }

                @Override
                public void onException(Throwable e) {
                    failures.add(body + ": " + e);
                    inFlight.release();
                    open.countDown();
                }
            });
        }
        check(open.await(SETTLE, TimeUnit.MILLISECONDS), "%d callbacks missing", open.getCount());
        check(failures.isEmpty(), "failed: %s", failures);
        expect(c, topic, want);
    }

    private static void sendOneway(Cluster c) throws Exception {
        String topic = c.topic(2);
        List<String> want = bodies("oneway", 50);
        for (String body : want) {
            c.producer().sendOneway(new Message(topic, body.getBytes()));
        }
        expect(c, topic, want);
    }

    private static void sendBatch(Cluster c) throws Exception {
        String topic = c.topic(1);
        List<String> want = bodies("batch", 20);
        List<Message> batch = new ArrayList<>();
        for (String body : want) {
            batch.add(new Message(topic, "TagA", "key-" + body, body.getBytes()));
        }
        SendResult result = c.producer().send(batch);
        check(result.getOffsetMsgId().split(",").length == want.size(), "offset ids of %s", result);
        for (Sink.Delivery d : expect(c, topic, want).deliveries()) {
            int n = (int) (d.message.getQueueOffset() - result.getQueueOffset());
            check(n >= 0 && n < want.size() && d.body().equals(want.get(n)), "offset %d holds %s", n, d.body());
            check(d.message.getKeys().equals("key-" + d.body()), "keys of %s", d.message);
        }
    }

    private static void sendBySelector(Cluster c) throws Exception {
        String topic = c.topic(4);
        Map<String, Integer> queueOf = new HashMap<>();
        List<String> want = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            int key = i % 5;
            String body = String.format("key%d-%03d", key, i);
            want.add(body);
            SendResult r = c.producer().send(new Message(topic, body.getBytes()),
                (queues, message, arg) -> queues.get((Integer) arg % queues.size()), key);
            queueOf.put(body, r.getMessageQueue().getQueueId());
        }
        Map<Integer, Long> last = new HashMap<>();
        Sink sink = expect(c, topic, want);
        for (String body : want) { // in the order of sending
            MessageExt m = sink.deliveries().stream().filter(d -> d.body().equals(body)).findFirst().get().message;
            int key = body.charAt(3) - '0';
            check(m.getQueueId() == queueOf.get(body), "%s is in queue %d", body, m.getQueueId());
            check(last.getOrDefault(key, -1L) < m.getQueueOffset(), "%s is at %d", body, m.getQueueOffset());
            last.put(key, m.getQueueOffset());
        }
    }

    private static void autoCreatedTopic(Cluster c) throws Exception {
        String topic = c.unique("auto");
        c.send(topic, Collections.singletonList("first"));
        c.awaitQueues(topic, 4); // of the one group that got the message
        expect(c, topic, Collections.singletonList("first"));
    }

    private static void properties(Cluster c) throws Exception {
        String topic = c.topic(1);
        Message message = new Message(topic, "TagA", "order-1 order-2", "body".getBytes());
        message.setFlag(42);
        Map<String, String> set = new HashMap<>();
        set.put("plain", "value");
        set.put("ключ", "значение");
        set.put("空", "消息");
        set.put("long", new String(new char[10_000]).replace('\0', 'x'));
        set.forEach(message::putUserProperty);
        SendResult result = c.send(message);
        MessageExt got = expect(c, topic, Collections.singletonList("body")).deliveries().get(0).message;
        set.forEach((key, value) -> check(value.equals(got.getUserProperty(key)), "property %s is %s", key, got.getUserProperty(key)));
        check("TagA".equals(got.getTags()) && "order-1 order-2".equals(got.getKeys()) && got.getFlag() == 42, "%s", got);
        check(got.getMsgId().equals(result.getMsgId()), "id %s, sent as %s", got.getMsgId(), result.getMsgId());
        check(Math.abs(System.currentTimeMillis() - got.getStoreTimestamp()) < 60_000, "stored at %d", got.getStoreTimestamp());
    }

    private static void bigMessages(Cluster c) throws Exception {
        String topic = c.topic(1);
        char[] letters = new char[1 << 20];
        Random random = new Random(1);
        for (int i = 0; i < letters.length; i++) {
            letters[i] = (char) ('!' + random.nextInt(90));
        }
        String noise = new String(letters); // hard to compress
        String text = new String(new char[1 << 18]).replace("\0", "raft"); // compressed by the client
        List<String> want = Arrays.asList(noise, text, "small");
        c.send(topic, want);
        expect(c, topic, want);
    }

    private static void tooBigMessage(Cluster c) throws Exception {
        String topic = c.topic(1);
        byte[] body = new byte[(4 << 20) + 1];
        new Random(1).nextBytes(body);
        DefaultMQProducer producer = new DefaultMQProducer(c.unique("pg"));
        producer.setMaxMessageSize(8 << 20); // else the client refuses by itself
        c.start(producer);
        try {
            SendResult result = producer.send(new Message(topic, body));
            check(false, "a body above 4 MiB was stored: %s", result);
        } catch (MQBrokerException e) {
            check(e.getResponseCode() == 13, "a body above 4 MiB got code %d", e.getResponseCode());
        }
        producer.send(new Message(topic, "the connection is still good".getBytes()));
    }

    private static void badQueue(Cluster c) throws Exception {
        String topic = c.topic(2);
        String broker = c.awaitQueues(topic, 2 * c.leaders()).get(0).getBrokerName();
        try {
            SendResult result = c.producer().send(new Message(topic, "x".getBytes()), new MessageQueue(topic, broker, 100));
            check(false, "queue 100 of 2 took %s", result);
        } catch (MQBrokerException e) {
            check(e.getResponseCode() == 29 || e.getResponseCode() == 1, "queue 100 of 2 got code %d", e.getResponseCode());
        }
        SendResult any = c.producer().send(new Message(topic, "x".getBytes()), new MessageQueue(topic, broker, -100));
        check(any.getMessageQueue().getQueueId() >= 0, "a negative queue means any, got %s", any);
    }

    private static Sink expect(Cluster c, String topic, List<String> want) throws Exception {
        Sink sink = new Sink();
        c.consume(c.unique("g"), topic, "*", sink);
        sink.await(SETTLE, want);
        return sink;
    }
}
