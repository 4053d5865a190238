package org.raftmq.compat;

/** One thing that a stock client must be able to do. */
final class Case {
    /** The body of a case: it returns, or throws what went wrong. */
    interface Body {
        void run(Cluster cluster) throws Exception;
    }

    private final String name;
    private final Body body;

    Case(String name, Body body) {
        this.name = name;
        this.body = body;
    }

    String name() {
        return name;
    }

    void run(Cluster cluster) throws Exception {
        body.run(cluster);
    }

    /** Fails the case unless the condition holds. */
    static void check(boolean ok, String format, Object... args) {
        if (!ok) {
            throw new AssertionError(String.format(format, args));
        }
    }
}
