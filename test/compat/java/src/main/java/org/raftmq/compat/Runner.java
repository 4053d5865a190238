package org.raftmq.compat;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Runs cases side by side, since most of their time is waiting, and prints a line for each. */
final class Runner {
    private static final int PARALLEL = 4;

    private final String namesrv;
    private final List<Case> cases;
    private final PrintStream out = System.out;
    private final Set<String> unfinished = ConcurrentHashMap.newKeySet();

    Runner(String namesrv, List<Case> cases) {
        this.namesrv = namesrv;
        this.cases = cases;
    }

    /** Returns whether all cases passed; none at all is a failure. */
    boolean run() throws Exception {
        CapturedOutput.install();
        Runtime.getRuntime().addShutdownHook(new Thread(this::reportUnfinished));
        ExecutorService pool = Executors.newFixedThreadPool(PARALLEL);
        List<Future<Boolean>> results = new ArrayList<>();
        for (Case c : cases) {
            results.add(pool.submit(() -> runOne(c)));
        }
        boolean ok = !results.isEmpty();
        for (Future<Boolean> result : results) {
            ok &= result.get();
        }
        pool.shutdown();
        return ok;
    }

    private boolean runOne(Case c) {
        long begin = System.currentTimeMillis();
        String detail = "";
        unfinished.add(c.name());
        try (Cluster cluster = new Cluster(namesrv, c.name())) {
            c.run(cluster);
        } catch (Throwable e) {
            detail = e instanceof AssertionError ? e.getMessage() : e + at(e);
        }
        unfinished.remove(c.name());
        report(c.name(), detail, System.currentTimeMillis() - begin);
        return detail.isEmpty();
    }

    private void report(String name, String detail, long millis) {
        synchronized (out) {
            out.printf("{\"name\":%s,\"ok\":%b,\"detail\":%s,\"millis\":%d}%n", Json.text(name), detail.isEmpty(), Json.text(detail), millis);
            out.flush();
        }
    }

    /** mqadmin ends the process when it does not understand its options. */
    private void reportUnfinished() {
        if (!unfinished.isEmpty()) {
            report("runner", "the process was ended (mqadmin does so when it does not know an option) while these cases were running: " + unfinished, 0);
        }
    }

    /** The line of ours that an exception went through. */
    private static String at(Throwable e) {
        for (StackTraceElement element : e.getStackTrace()) {
            if (element.getClassName().startsWith("org.raftmq.")) {
                return " at " + element;
            }
        }
        return "";
    }
}
