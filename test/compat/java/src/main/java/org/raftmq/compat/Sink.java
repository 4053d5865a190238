package org.raftmq.compat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyContext;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.common.message.MessageExt;

/** Collects the deliveries of any number of consumers. */
class Sink implements MessageListenerConcurrently {
    /** One delivery and when it came. */
    static final class Delivery {
        final long at = System.currentTimeMillis();
        final MessageExt message;
        final String queue;

        Delivery(MessageExt message, String queue) {
            this.message = message;
            this.queue = queue;
        }

        String body() {
            return new String(message.getBody());
        }
    }

    private final List<Delivery> got = Collections.synchronizedList(new ArrayList<>());

    @Override
    public ConsumeConcurrentlyStatus consumeMessage(List<MessageExt> messages, ConsumeConcurrentlyContext context) {
        ConsumeConcurrentlyStatus status = ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        for (MessageExt message : messages) {
            add(message, context.getMessageQueue().toString());
            status = answer(message, context);
        }
        return status;
    }

    /** What the listener returns for a message. */
    ConsumeConcurrentlyStatus answer(MessageExt message, ConsumeConcurrentlyContext context) {
        return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
    }

    void add(MessageExt message, String queue) {
        got.add(new Delivery(message, queue));
    }

    List<Delivery> deliveries() {
        synchronized (got) {
            return new ArrayList<>(got);
        }
    }

    Set<String> queues() {
        return deliveries().stream().map(d -> d.queue).collect(Collectors.toCollection(TreeSet::new));
    }

    void forget() {
        got.clear();
    }

    /** Waits until exactly these bodies have been delivered, each as often as it is named. */
    void await(long millis, List<String> want) throws Exception {
        Cluster.eventually(millis, () -> same(deliveries().stream().map(Delivery::body).collect(Collectors.toList()), want));
    }

    static void same(List<String> got, List<String> want) {
        Map<String, Integer> balance = new HashMap<>();
        got.forEach(body -> balance.merge(body, 1, Integer::sum));
        want.forEach(body -> balance.merge(body, -1, Integer::sum));
        List<String> missing = new ArrayList<>();
        List<String> extra = new ArrayList<>();
        balance.forEach((body, n) -> {
            if (n < 0) {
                missing.add(head(body));
            } else if (n > 0) {
                extra.add(head(body));
            }
        });
        Case.check(missing.isEmpty() && extra.isEmpty(), "missing %d %s, not wanted or repeated %d %s",
            missing.size(), head(missing.toString()), extra.size(), head(extra.toString()));
    }

    private static String head(String s) {
        return s.length() > 80 ? s.substring(0, 80) + "…" : s;
    }
}
