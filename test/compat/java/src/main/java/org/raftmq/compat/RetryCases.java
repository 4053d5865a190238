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
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyContext;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageConst;
import org.apache.rocketmq.common.message.MessageExt;

/** RECONSUME_LATER, the retry topic, the dead-letter topic, and delay levels. */
final class RetryCases {
    private RetryCases() {
    }

    static List<Case> all() {
        return Arrays.asList(
            new Case("delayLevels", RetryCases::delayLevels),
            new Case("retryThenDead", RetryCases::retryThenDead),
            new Case("retryDoesNotHoldUpOthers", RetryCases::retryDoesNotHoldUpOthers));
    }

    /** Asks for the shortest delay, 1 s, instead of the broker's 10 s, 30 s, …. */
    private static ConsumeConcurrentlyStatus later(ConsumeConcurrentlyContext context) {
        context.setDelayLevelWhenNextConsume(1);
        return ConsumeConcurrentlyStatus.RECONSUME_LATER;
    }

    /** Lets the broker create the retry topic: a group's first consumer may not see its route for 30 s. */
    private static void introduce(Cluster c, String group, String topic) throws Exception {
        DefaultMQPushConsumer consumer = c.consume(group, topic, "*", new Sink());
        c.awaitQueues("%RETRY%" + group, c.leaders());
        consumer.shutdown();
    }

    private static void retryThenDead(Cluster c) throws Exception {
        String topic = c.topic(1);
        String group = c.unique("g");
        introduce(c, group, topic);
        Sink sink = new Sink() {
            @Override
            ConsumeConcurrentlyStatus answer(MessageExt message, ConsumeConcurrentlyContext context) {
                return later(context);
            }
        };
        DefaultMQPushConsumer consumer = c.consumer(group, topic, "*");
        consumer.setMaxReconsumeTimes(2);
        consumer.registerMessageListener(sink);
        consumer.start();
        Message message = new Message(topic, "T", "k", "poison".getBytes());
        message.putUserProperty("mine", "kept");
        SendResult sent = c.send(message);

        String dlq = "%DLQ%" + group;
        c.awaitQueues(dlq, 1);
        Sink dead = new Sink();
        c.consume(c.unique("dead"), dlq, "*", dead);
        dead.await(SETTLE, Collections.singletonList("poison"));

        List<Sink.Delivery> got = sink.deliveries();
        check(got.size() == 3, "%d deliveries, want the first and two retries", got.size());
        for (int i = 0; i < got.size(); i++) {
            MessageExt m = got.get(i).message;
            check(m.getReconsumeTimes() == i && m.getTopic().equals(topic) && "kept".equals(m.getUserProperty("mine"))
                && "T".equals(m.getTags()) && "k".equals(m.getKeys()), "delivery %d: %s", i, m);
            if (i > 0) {
                check(sent.getOffsetMsgId().equals(m.getProperty(MessageConst.PROPERTY_ORIGIN_MESSAGE_ID)),
                    "delivery %d: %s, first stored as %s", i, m.getProperties(), sent.getOffsetMsgId());
                long pause = got.get(i).at - got.get(i - 1).at;
                check(pause > 900 && pause < 5000, "delivery %d came %d ms after the one before, want about 1 s", i, pause);
            }
        }
        MessageExt letter = dead.deliveries().get(0).message;
        check("kept".equals(letter.getUserProperty("mine")), "dead letter %s", letter);
    }

    private static void retryDoesNotHoldUpOthers(Cluster c) throws Exception {
        String topic = c.topic(1);
        String group = c.unique("g");
        introduce(c, group, topic);
        Sink sink = new Sink() {
            @Override
            ConsumeConcurrentlyStatus answer(MessageExt message, ConsumeConcurrentlyContext context) {
                boolean fails = new String(message.getBody()).endsWith("3") && message.getReconsumeTimes() == 0;
                return fails ? later(context) : ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            }
        };
        c.consume(group, topic, "*", sink);
        List<String> want = new ArrayList<>(bodies("mixed", 10));
        c.send(topic, want);
        want.add("mixed-003");
        sink.await(SETTLE, want);
    }

    private static void delayLevels(Cluster c) throws Exception {
        String topic = c.topic(2);
        Sink sink = new Sink();
        c.consume(c.unique("g"), topic, "*", sink);
        int[] delays = {0, 1000, 5000, 10_000};
        Map<String, Long> sent = new HashMap<>();
        for (int level = 1; level < delays.length; level++) {
            Message message = new Message(topic, "late", ("level " + level).getBytes());
            message.setDelayTimeLevel(level);
            sent.put("level " + level, System.currentTimeMillis());
            c.send(message);
        }
        sink.await(2 * SETTLE, new ArrayList<>(sent.keySet()));
        for (Sink.Delivery d : sink.deliveries()) {
            int delay = delays[d.body().charAt(6) - '0'];
            long took = d.at - sent.get(d.body());
            check(took > delay - 50 && took < delay + 3000, "%s came after %d ms", d.body(), took);
            check(d.message.getTopic().equals(topic) && "late".equals(d.message.getTags()), "%s", d.message);
        }
    }
}
