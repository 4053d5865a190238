package org.raftmq.compat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import org.apache.rocketmq.tools.command.MQAdminStartup;

/** RocketMQ's mqadmin, run in this process, since a JVM for each command would take most of the time. */
final class MqAdmin {
    /** A qualified name, since names of properties end in Exception too. */
    private static final Pattern EXCEPTION = Pattern.compile("([a-z]\\w*\\.)+\\w*Exception");

    private MqAdmin() {
    }

    /** Runs a command and returns what it printed. A printed exception fails the case. */
    static String run(Cluster c, String... args) {
        List<String> line = new ArrayList<>(Arrays.asList(args));
        line.add("-n");
        line.add(c.namesrv);
        String output = CapturedOutput.of(() -> MQAdminStartup.main0(line.toArray(new String[0]), null));
        Case.check(!EXCEPTION.matcher(output).find(), "mqadmin %s: %s", line, head(output));
        Case.check(!output.contains("usage: mqadmin"), "mqadmin %s printed its usage: %s", line, head(output));
        return output;
    }

    /** Runs a command until its output has all these texts. */
    static void expect(Cluster c, List<String> want, String... args) throws Exception {
        Cluster.eventually(Cluster.SETTLE, () -> {
            String output = run(c, args);
            for (String text : want) {
                Case.check(output.contains(text), "mqadmin %s lacks %s: %s", Arrays.toString(args), text, head(output));
            }
        });
    }

    private static String head(String s) {
        return s.length() > 1500 ? s.substring(0, 1500) + "…" : s;
    }
}
