package org.raftmq.compat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The stock Java client against a RocketMQ cluster.
 *
 * <pre>
 *   Main cases NAMESRV [NAME...]      the cases, all or the named ones; "extra" adds those of features that may be missing
 *   Main pair NAMESRV key=value...    a producer and a consumer for fail-over runs, see {@link Pair}
 * </pre>
 *
 * Each case prints one JSON line (name, ok, detail, millis); the exit code is 1 if any failed.
 */
public final class Main {
    private Main() {
    }

    public static void main(String[] args) throws Exception {
        if (args.length < 2) {
            System.err.println("usage: Main cases NAMESRV [extra] [NAME...] | Main pair NAMESRV [key=value...]");
            System.exit(2);
        }
        List<String> rest = Arrays.asList(args).subList(2, args.length);
        boolean ok;
        if (args[0].equals("pair")) {
            ok = new Pair(args[1], options(rest)).run();
        } else {
            ok = new Runner(args[1], select(rest)).run();
        }
        System.exit(ok ? 0 : 1); // the client leaves threads behind
    }

    private static List<Case> select(List<String> wanted) {
        List<Case> all = new ArrayList<>();
        all.addAll(ConsumeCases.all()); // the longest first
        all.addAll(RetryCases.all());
        all.addAll(PullCases.all());
        all.addAll(ProduceCases.all());
        all.addAll(QueryCases.all());
        all.addAll(AdminCases.all());
        List<String> names = new ArrayList<>(wanted);
        if (names.remove("extra")) {
            all.addAll(ExtraCases.all());
        }
        if (!names.isEmpty()) {
            all.removeIf(c -> !names.contains(c.name()));
        }
        return all;
    }

    private static Map<String, String> options(List<String> pairs) {
        Map<String, String> options = new HashMap<>();
        for (String pair : pairs) {
            int at = pair.indexOf('=');
            options.put(pair.substring(0, at), pair.substring(at + 1));
        }
        return options;
    }
}
