package org.raftmq.compat;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.Collections;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.producer.DefaultMQProducer;

/** What the API names differently in the 4.x and the 5.x client. */
final class Versions {
    private Versions() {
    }

    /** queryMsgById wants the topic in 5.x and refuses the option in 4.x. */
    static String[] queryMsgById(String id, String topic) {
        try {
            Class.forName("org.apache.rocketmq.remoting.protocol.heartbeat.MessageModel"); // where 5.x has it
            return new String[] {"queryMsgById", "-i", id, "-t", topic};
        } catch (ClassNotFoundException e) {
            return new String[] {"queryMsgById", "-i", id};
        }
    }

    /** setMessageModel(BROADCASTING): the enum moved to another package. */
    @SuppressWarnings({"unchecked", "rawtypes"})
    static void broadcast(DefaultMQPushConsumer consumer) throws Exception {
        for (Method method : DefaultMQPushConsumer.class.getMethods()) {
            if (method.getName().equals("setMessageModel")) {
                method.invoke(consumer, Enum.valueOf((Class) method.getParameterTypes()[0], "BROADCASTING"));
            }
        }
    }

    /** createTopic(key, topic, queues), which has attributes as a fourth argument in 5.x. */
    static void createTopic(DefaultMQProducer producer, String key, String topic, int queues) throws Exception {
        try {
            try {
                DefaultMQProducer.class.getMethod("createTopic", String.class, String.class, int.class)
                    .invoke(producer, key, topic, queues);
            } catch (NoSuchMethodException e) {
                DefaultMQProducer.class.getMethod("createTopic", String.class, String.class, int.class, java.util.Map.class)
                    .invoke(producer, key, topic, queues, Collections.emptyMap());
            }
        } catch (InvocationTargetException e) {
            throw e.getCause() instanceof Exception ? (Exception) e.getCause() : e;
        }
    }
}
