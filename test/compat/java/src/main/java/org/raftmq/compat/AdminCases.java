package org.raftmq.compat;

import static org.raftmq.compat.Case.check;
import static org.raftmq.compat.Cluster.SETTLE;
import static org.raftmq.compat.Cluster.bodies;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;

/** mqadmin: the commands that operators use daily give their normal output. */
final class AdminCases {
    static final String CLUSTER = System.getProperty("compat.cluster", "DefaultCluster");

    private AdminCases() {
    }

    static List<Case> all() {
        return Arrays.asList(
            new Case("mqadmin_clusterList", AdminCases::clusterList),
            new Case("mqadmin_brokerStatus", AdminCases::brokerStatus),
            new Case("mqadmin_topics", AdminCases::topics),
            new Case("mqadmin_groups", AdminCases::groups),
            new Case("mqadmin_connections", AdminCases::connections),
            new Case("mqadmin_messages", AdminCases::messages));
    }

    private static String brokerName(Cluster c) throws Exception {
        return c.producer().fetchPublishMessageQueues("TBW102").get(0).getBrokerName();
    }

    private static void clusterList(Cluster c) throws Exception {
        MqAdmin.expect(c, Arrays.asList("#Cluster Name", CLUSTER, brokerName(c)), "clusterList");
        MqAdmin.expect(c, Arrays.asList(CLUSTER, brokerName(c)), "clusterList", "-m");
    }

    private static void brokerStatus(Cluster c) throws Exception {
        MqAdmin.expect(c, Arrays.asList("bootTimestamp", "brokerVersionDesc", "putTps", "commitLogMaxOffset", "commitLogMinOffset"),
            "brokerStatus", "-c", CLUSTER);
    }

    private static void topics(Cluster c) throws Exception {
        String topic = c.unique("made");
        MqAdmin.run(c, "updateTopic", "-c", CLUSTER, "-t", topic, "-r", "6", "-w", "6");
        c.awaitQueues(topic, 6 * c.leaders());
        MqAdmin.run(c, "updateTopic", "-c", CLUSTER, "-t", topic, "-r", "8", "-w", "8"); // changed
        c.awaitQueues(topic, 8 * c.leaders());
        MqAdmin.expect(c, Collections.singletonList(topic), "topicList");
        MqAdmin.expect(c, Arrays.asList("queueDatas", "brokerDatas", brokerName(c)), "topicRoute", "-t", topic);
        c.send(topic, bodies("status", 16 * c.leaders()));
        MqAdmin.expect(c, Arrays.asList("#Broker Name", "#Max Offset", brokerName(c)), "topicStatus", "-t", topic);
        MqAdmin.expect(c, Collections.singletonList(CLUSTER), "topicClusterList", "-t", topic);
        MqAdmin.expect(c, Collections.singletonList("success"), "deleteTopic", "-c", CLUSTER, "-t", topic);
        Cluster.eventually(SETTLE, () -> check(!MqAdmin.run(c, "topicList").contains(topic), "the deleted topic is still listed"));
    }

    private static void groups(Cluster c) throws Exception {
        String topic = c.topic(2);
        String group = c.unique("g");
        MqAdmin.expect(c, Collections.singletonList("success"), "updateSubGroup", "-c", CLUSTER, "-g", group, "-r", "3");
        List<String> want = bodies("progress", 10);
        c.send(topic, want);
        Sink sink = new Sink();
        c.consume(group, topic, "*", sink);
        sink.await(SETTLE, want);
        MqAdmin.expect(c, Arrays.asList("#Consumer Offset", topic, brokerName(c), "Diff Total: 0"), "consumerProgress", "-g", group);
        MqAdmin.expect(c, Collections.singletonList("#Group"), "consumerProgress");
        MqAdmin.expect(c, Collections.singletonList("success"), "deleteSubGroup", "-c", CLUSTER, "-g", group);
    }

    private static void connections(Cluster c) throws Exception {
        String topic = c.topic(2);
        String group = c.unique("g");
        String senders = c.unique("pg");
        DefaultMQProducer producer = c.start(new DefaultMQProducer(senders));
        producer.send(new Message(topic, "x".getBytes()));
        c.consume(group, topic, "TagA || TagB", new Sink());
        MqAdmin.expect(c, Arrays.asList("#ClientId", "TagA || TagB", topic, "CONSUME_PASSIVELY", "CLUSTERING"), "consumerConnection", "-g", group);
        // The producer's heartbeat, which carries its group to the broker of this topic, may come up to 30 s later.
        producer.getDefaultMQProducerImpl().getmQClientFactory().sendHeartbeatToAllBrokerWithLock();
        MqAdmin.expect(c, Arrays.asList("0001", producer.getInstanceName(), "JAVA"), "producerConnection", "-g", senders, "-t", topic);
    }

    private static void messages(Cluster c) throws Exception {
        String topic = c.topic(1);
        SendResult sent = c.send(new Message(topic, "TagA", "key-1", "looked up".getBytes()));
        MqAdmin.expect(c, Arrays.asList(sent.getOffsetMsgId(), topic, "TagA", "key-1"), Versions.queryMsgById(sent.getOffsetMsgId(), topic));
        String broker = sent.getMessageQueue().getBrokerName();
        MqAdmin.expect(c, Collections.singletonList(topic), "queryMsgByOffset", "-t", topic, "-b", broker, "-i", "0", "-o", "0");
        MqAdmin.expect(c, Arrays.asList("SEND_OK", broker), "sendMessage", "-t", topic, "-p", "from mqadmin", "-b", broker, "-i", "0");
        MqAdmin.expect(c, Collections.singletonList("from mqadmin"), "consumeMessage", "-t", topic, "-b", broker, "-i", "0", "-o", "0", "-c", "2");
    }
}
