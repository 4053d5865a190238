package org.raftmq.compat;

import static org.raftmq.compat.Case.check;
import static org.raftmq.compat.Cluster.SETTLE;
import static org.raftmq.compat.Cluster.bodies;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.MessageSelector;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyContext;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.client.utils.MessageUtil;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/** Features that a cluster may still lack: they run only when "extra" is asked for. */
final class ExtraCases {
    private ExtraCases() {
    }

    static List<Case> all() {
        return Arrays.asList(
            new Case("transactions", ExtraCases::transactions),
            new Case("sqlFilter", ExtraCases::sqlFilter),
            new Case("requestReply", ExtraCases::requestReply),
            new Case("backlog", ExtraCases::backlog),
            new Case("mqadmin_more", ExtraCases::moreAdmin));
    }

    /** A consumer far behind, and what comes when it has caught up: reads_test.go looks which member delivered what. */
    private static void backlog(Cluster c) throws Exception {
        String topic = c.topic(1);
        List<String> want = new ArrayList<>();
        String filler = String.join("", Collections.nCopies(4 << 10, "x"));
        for (String body : bodies("backlog", 3000)) {
            want.add(body + filler);
        }
        for (int at = 0; at < want.size(); at += 50) {
            List<Message> batch = new ArrayList<>();
            for (String body : want.subList(at, at + 50)) {
                batch.add(new Message(topic, body.getBytes()));
            }
            c.producer().send(batch);
        }
        Sink sink = new Sink();
        c.consume(c.unique("g"), topic, "*", sink);
        sink.await(2 * SETTLE, want);
        List<String> fresh = bodies("fresh", 50);
        c.send(topic, fresh);
        want.addAll(fresh);
        sink.await(SETTLE, want);
    }

    private static void transactions(Cluster c) throws Exception {
        String topic = c.topic(2);
        TransactionMQProducer producer = new TransactionMQProducer(c.unique("pg"));
        producer.setTransactionListener(new TransactionListener() {
            @Override
            public LocalTransactionState executeLocalTransaction(Message message, Object arg) {
                return (LocalTransactionState) arg;
            }

            @Override
            public LocalTransactionState checkLocalTransaction(MessageExt message) {
                LocalTransactionState state = LocalTransactionState.valueOf(new String(message.getBody()));
                return state == LocalTransactionState.UNKNOW ? LocalTransactionState.COMMIT_MESSAGE : state;
            }
        });
        c.start(producer);
        for (LocalTransactionState state : LocalTransactionState.values()) {
            producer.sendMessageInTransaction(new Message(topic, state.name().getBytes()), state);
        }
        Sink sink = new Sink();
        c.consume(c.unique("g"), topic, "*", sink);
        // The unknown one is committed by the check, which may come after more than half a minute. A check that overtakes the
        // end of a transaction makes a second copy in Apache RocketMQ.
        Set<String> want = new TreeSet<>(Arrays.asList(LocalTransactionState.COMMIT_MESSAGE.name(), LocalTransactionState.UNKNOW.name()));
        Cluster.eventually(60_000, () -> {
            Set<String> got = sink.deliveries().stream().map(Sink.Delivery::body).collect(Collectors.toCollection(TreeSet::new));
            check(got.equals(want), "got %s, want %s", got, want);
        });
    }

    private static void sqlFilter(Cluster c) throws Exception {
        String topic = c.topic(2);
        Sink sink = new Sink();
        DefaultMQPushConsumer consumer = c.consumer(c.unique("g"), topic, "*");
        consumer.subscribe(topic, MessageSelector.bySql("a BETWEEN 3 AND 5 AND b = 'yes'"));
        consumer.registerMessageListener(sink);
        consumer.start();
        List<String> want = new ArrayList<>();
        for (int a = 0; a < 10; a++) {
            for (String b : Arrays.asList("yes", "no")) {
                Message message = new Message(topic, ("a" + a + b).getBytes());
                message.putUserProperty("a", String.valueOf(a));
                message.putUserProperty("b", b);
                c.send(message);
                if (a >= 3 && a <= 5 && b.equals("yes")) {
                    want.add("a" + a + b);
                }
            }
        }
        sink.await(SETTLE, want);
    }

    private static void requestReply(Cluster c) throws Exception {
        String topic = c.topic(1);
        c.consume(c.unique("g"), topic, "*", new Sink() {
            @Override
            ConsumeConcurrentlyStatus answer(MessageExt message, ConsumeConcurrentlyContext context) {
                try {
                    c.producer().send(MessageUtil.createReplyMessage(message, "pong".getBytes()));
                } catch (Exception e) {
                    throw new IllegalStateException(e);
                }
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            }
        });
        Message reply = c.producer().request(new Message(topic, "ping".getBytes()), SETTLE);
        check(Collections.singletonList("pong").contains(new String(reply.getBody())), "replied %s", reply);
    }

    /** mqadmin commands that are used less, which also call back into clients. */
    private static void moreAdmin(Cluster c) throws Exception {
        String topic = c.topic(2);
        String group = c.unique("g");
        List<String> want = bodies("more", 10);
        c.send(topic, want);
        Sink sink = new Sink();
        DefaultMQPushConsumer consumer = c.consume(group, topic, "*", sink);
        sink.await(SETTLE, want);
        String cluster = AdminCases.CLUSTER;
        MqAdmin.run(c, "getBrokerConfig", "-c", cluster);
        MqAdmin.run(c, "getNamesrvConfig");
        MqAdmin.run(c, "statsAll", "-t", topic);
        MqAdmin.run(c, "consumerStatus", "-g", group);
        MqAdmin.run(c, "consumerStatus", "-g", group, "-s", "-i", consumer.buildMQClientId());
        MqAdmin.run(c, "updateKvConfig", "-s", "compat", "-k", topic, "-v", "value");
        MqAdmin.run(c, "deleteKvConfig", "-s", "compat", "-k", topic);
        MqAdmin.run(c, "updateOrderConf", "-t", topic, "-m", "put", "-v", "broker-a:2");
        MqAdmin.run(c, "updateOrderConf", "-t", topic, "-m", "get");
        MqAdmin.run(c, "updateOrderConf", "-t", topic, "-m", "delete");
        MqAdmin.run(c, "resetOffsetByTime", "-g", group, "-t", topic, "-s", "0");
        List<String> twice = new ArrayList<>(want);
        twice.addAll(want);
        sink.await(2 * SETTLE, twice);
    }
}
