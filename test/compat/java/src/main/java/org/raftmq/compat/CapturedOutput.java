package org.raftmq.compat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** Standard output and error of one thread, so that mqadmin can run beside other cases in this process. */
final class CapturedOutput {
    private static final ThreadLocal<ByteArrayOutputStream> CAPTURE = new ThreadLocal<>();

    private CapturedOutput() {
    }

    /** Replaces System.out and System.err; what threads that capture nothing write goes to the old System.err. */
    static void install() {
        PrintStream err = System.err;
        PrintStream redirected = new PrintStream(new OutputStream() {
            @Override
            public void write(int b) throws IOException {
                write(new byte[] {(byte) b}, 0, 1);
            }

            @Override
            public void write(byte[] b, int off, int len) throws IOException {
                OutputStream target = CAPTURE.get();
                (target == null ? err : target).write(b, off, len);
            }
        }, true);
        System.setOut(redirected);
        System.setErr(redirected);
    }

    /** Runs an action and returns what its thread wrote meanwhile. */
    static String of(Runnable action) {
        ByteArrayOutputStream captured = new ByteArrayOutputStream();
        CAPTURE.set(captured);
        try {
            action.run();
        } finally {
            CAPTURE.remove();
        }
        return new String(captured.toByteArray(), StandardCharsets.UTF_8);
    }
}
