package org.raftmq.compat;

import static org.raftmq.compat.Case.check;
import static org.raftmq.compat.Cluster.SETTLE;
import static org.raftmq.compat.Cluster.bodies;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.apache.rocketmq.client.QueryResult;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** The producer's questions about offsets and stored messages. Those that need an index of keys are in {@link ExtraCases}. */
final class QueryCases {
    private QueryCases() {
    }

    static List<Case> all() {
        return Arrays.asList(
            new Case("queueOffsets", QueryCases::queueOffsets),
            new Case("viewMessage", QueryCases::viewMessage),
            new Case("queryMessageByKey", QueryCases::queryMessageByKey));
    }

    private static void queueOffsets(Cluster c) throws Exception {
        String topic = c.topic(1);
        DefaultMQProducer producer = c.producer();
        MessageQueue queue = c.awaitQueues(topic, c.leaders()).get(0);
        check(producer.maxOffset(queue) == 0 && producer.minOffset(queue) == 0, "offsets of an empty queue");
        long before = System.currentTimeMillis();
        for (String body : bodies("query", 5)) {
            producer.send(new Message(topic, body.getBytes()), queue);
        }
        Cluster.eventually(SETTLE, () -> check(producer.maxOffset(queue) == 5, "max offset %d, want 5", producer.maxOffset(queue)));
        check(producer.minOffset(queue) == 0, "min offset %d", producer.minOffset(queue));
        check(producer.searchOffset(queue, before - 60_000) == 0, "offset at an early time: %d", producer.searchOffset(queue, before - 60_000));
        check(producer.searchOffset(queue, before + 600_000) == 5, "offset at a late time: %d", producer.searchOffset(queue, before + 600_000));
        long earliest = producer.earliestMsgStoreTime(queue);
        check(Math.abs(earliest - before) < 60_000, "earliest store time %d, sent at %d", earliest, before);
    }

    private static void viewMessage(Cluster c) throws Exception {
        String topic = c.topic(1);
        SendResult sent = c.send(new Message(topic, "TagA", "key", "seen".getBytes()));
        Cluster.eventually(SETTLE, () -> {
            MessageExt message = c.producer().viewMessage(topic, sent.getOffsetMsgId());
            check(new String(message.getBody()).equals("seen") && message.getQueueOffset() == sent.getQueueOffset()
                && message.getTopic().equals(topic), "%s", message);
        });
    }

    private static void queryMessageByKey(Cluster c) throws Exception {
        String topic = c.topic(2);
        String key = c.unique("key");
        long begin = System.currentTimeMillis() - 60_000;
        for (String body : bodies("keyed", 3)) {
            c.send(new Message(topic, "TagA", key + " other", body.getBytes()));
        }
        SendResult last = c.send(new Message(topic, "TagA", "nothing", "else".getBytes()));
        Cluster.eventually(SETTLE, () -> { // the index may follow a little later
            QueryResult result = c.producer().queryMessage(topic, key, 10, begin, System.currentTimeMillis() + 60_000);
            check(result.getMessageList().size() == 3, "%d messages with the key", result.getMessageList().size());
        });
        Cluster.eventually(SETTLE, () -> { // by the id that the client made
            MessageExt message = c.producer().viewMessage(topic, last.getMsgId());
            check(new String(message.getBody()).equals("else"), "%s", message);
        });
        MqAdmin.expect(c, Arrays.asList(last.getMsgId(), topic), "queryMsgByUniqueKey", "-i", last.getMsgId(), "-t", topic);
        MqAdmin.expect(c, Collections.singletonList(last.getMsgId()), "queryMsgByKey", "-k", "nothing", "-t", topic);
        try {
            c.producer().queryMessage(topic, c.unique("absent"), 10, begin, System.currentTimeMillis());
            check(false, "a key that does not exist was found");
        } catch (MQClientException e) {
            // no message
        }
    }
}
