package org.raftmq.compat;

import static org.raftmq.compat.Case.check;
import static org.raftmq.compat.Cluster.SETTLE;
import static org.raftmq.compat.Cluster.bodies;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** The lite pull consumer and the older pull consumer. */
final class PullCases {
    private PullCases() {
    }

    static List<Case> all() {
        return Arrays.asList(
            new Case("litePullSubscribe", PullCases::litePullSubscribe),
            new Case("litePullAssignAndSeek", PullCases::litePullAssignAndSeek),
            new Case("pull", PullCases::pull),
            new Case("pullBlockIfNotFound", PullCases::pullBlockIfNotFound));
    }

    private static DefaultLitePullConsumer lite(Cluster c, String group) {
        DefaultLitePullConsumer consumer = new DefaultLitePullConsumer(group);
        consumer.setNamesrvAddr(c.namesrv);
        consumer.setInstanceName(c.unique("c"));
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        c.onClose(consumer::shutdown);
        return consumer;
    }

    /** Polls until exactly these bodies came. */
    private static void poll(DefaultLitePullConsumer consumer, List<String> want) throws Exception {
        List<String> got = new ArrayList<>();
        Cluster.eventually(SETTLE, () -> {
            for (MessageExt message : consumer.poll(200)) {
                got.add(new String(message.getBody()));
            }
            Sink.same(got, want);
        });
    }

    private static void litePullSubscribe(Cluster c) throws Exception {
        String topic = c.topic(4);
        String group = c.unique("g");
        List<String> want = bodies("lite", 40);
        c.send(topic, want);
        DefaultLitePullConsumer consumer = lite(c, group);
        consumer.setAutoCommit(false);
        consumer.subscribe(topic, "*");
        consumer.start();
        poll(consumer, want);
        consumer.commitSync();
        consumer.shutdown();
        List<String> fresh = bodies("fresh", 8);
        c.send(topic, fresh);
        DefaultLitePullConsumer again = lite(c, group);
        again.subscribe(topic, "*");
        again.start();
        poll(again, fresh);
    }

    private static void litePullAssignAndSeek(Cluster c) throws Exception {
        String topic = c.topic(1);
        List<String> want = bodies("seek", 10 * c.leaders());
        MessageQueue queue = c.send(topic, want).get(0).getMessageQueue();
        DefaultLitePullConsumer consumer = lite(c, c.unique("g"));
        consumer.start();
        Collection<MessageQueue> queues = consumer.fetchMessageQueues(topic);
        check(queues.size() == c.leaders(), "queues %s", queues);
        consumer.assign(Collections.singletonList(queue));
        consumer.seekToBegin(queue);
        List<MessageExt> got = new ArrayList<>();
        Cluster.eventually(SETTLE, () -> {
            got.addAll(consumer.poll(200));
            check(got.size() == 10, "%d messages from the beginning", got.size());
        });
        consumer.seek(queue, 7);
        MessageExt next = first(consumer);
        check(next.getQueueOffset() == 7, "after seek(7) came %d", next.getQueueOffset());
        long byTime = consumer.offsetForTimestamp(queue, got.get(4).getStoreTimestamp());
        check(byTime >= 0 && byTime <= 4, "offset for the fifth message's time is %d", byTime);
        consumer.seekToEnd(queue);
        c.send(topic, bodies("later", c.leaders()));
        next = first(consumer);
        check(next.getQueueOffset() >= 10, "after seekToEnd came %d", next.getQueueOffset());
    }

    private static MessageExt first(DefaultLitePullConsumer consumer) throws Exception {
        List<MessageExt> got = new ArrayList<>();
        Cluster.eventually(SETTLE, () -> {
            got.addAll(consumer.poll(200));
            check(!got.isEmpty(), "nothing came");
        });
        return got.get(0);
    }

    private static DefaultMQPullConsumer pullConsumer(Cluster c) throws Exception {
        DefaultMQPullConsumer consumer = new DefaultMQPullConsumer(c.unique("g"));
        consumer.setNamesrvAddr(c.namesrv);
        consumer.setInstanceName(c.unique("c"));
        consumer.start();
        c.onClose(consumer::shutdown);
        return consumer;
    }

    private static void pull(Cluster c) throws Exception {
        String topic = c.topic(1);
        List<SendResult> sent = c.send(topic, bodies("pull", 50 * c.leaders()));
        MessageQueue queue = sent.get(0).getMessageQueue();
        DefaultMQPullConsumer consumer = pullConsumer(c);
        check(consumer.fetchSubscribeMessageQueues(topic).size() == c.leaders(), "queues of %s", topic);
        long next = 0;
        while (next < 50) {
            PullResult result = consumer.pull(queue, "*", next, 20);
            check(result.getPullStatus() == PullStatus.FOUND && result.getMinOffset() == 0 && result.getMaxOffset() == 50, "%s", result);
            int n = result.getMsgFoundList().size();
            check(n > 0 && n <= 20 && result.getNextBeginOffset() == next + n, "%s", result);
            next += n;
        }
        check(consumer.pull(queue, "*", 50, 20).getPullStatus() == PullStatus.NO_NEW_MSG, "at the end");
        PullResult beyond = consumer.pull(queue, "*", 1000, 20);
        check(beyond.getPullStatus() == PullStatus.OFFSET_ILLEGAL && beyond.getNextBeginOffset() == 50, "beyond the end: %s", beyond);
        PullResult none = consumer.pull(queue, "NoSuchTag", 0, 32);
        check(none.getPullStatus() == PullStatus.NO_MATCHED_MSG && none.getNextBeginOffset() > 0, "no match: %s", none);

        check(consumer.fetchConsumeOffset(queue, true) <= 0, "offset of a new group: %d", consumer.fetchConsumeOffset(queue, true));
        consumer.updateConsumeOffset(queue, 33);
        consumer.getOffsetStore().persist(queue);
        Cluster.eventually(SETTLE, () -> check(consumer.fetchConsumeOffset(queue, true) == 33, "committed 33"));
    }

    private static void pullBlockIfNotFound(Cluster c) throws Exception {
        String topic = c.topic(1);
        MessageQueue queue = c.send(topic, bodies("there", c.leaders())).get(0).getMessageQueue();
        DefaultMQPullConsumer consumer = pullConsumer(c);
        CompletableFuture<PullResult> answer = CompletableFuture.supplyAsync(() -> {
            try {
                return consumer.pullBlockIfNotFound(queue, "*", 1, 10);
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        });
        Thread.sleep(2000);
        check(!answer.isDone(), "answered before a message came: %s", answer);
        c.send(topic, bodies("more", c.leaders()));
        PullResult result = answer.get(3, TimeUnit.SECONDS);
        check(result.getPullStatus() == PullStatus.FOUND, "%s", result);
    }
}
