package org.raftmq.compat;

import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;

/** The journal of a fail-over run, in the form that the judge reads (test/compat/internal/pair/journal.go). */
final class Journal implements AutoCloseable {
    private final BufferedWriter out;

    Journal(Path path) throws IOException {
        out = Files.newBufferedWriter(path, StandardCharsets.UTF_8);
    }

    void acked(String id, int lane, int seq, String broker, int queue, long offset, long millis, String status) throws IOException {
        String notOk = status.equals("SEND_OK") ? "" : ",\"status\":" + Json.text(status);
        add(String.format("\"event\":\"ack\",\"id\":%s,\"lane\":%d,\"seq\":%d,\"broker\":%s,\"queue\":%d,\"offset\":%d,\"millis\":%d%s",
            Json.text(id), lane, seq, Json.text(broker), queue, offset, millis, notOk));
    }

    void failed(String id, int lane, int seq, long millis, Throwable e) throws IOException {
        add(String.format("\"event\":\"error\",\"id\":%s,\"lane\":%d,\"seq\":%d,\"millis\":%d,\"error\":%s",
            Json.text(id), lane, seq, millis, Json.text(String.valueOf(e))));
    }

    void delivered(String id, String broker, int queue, long offset) throws IOException {
        add(String.format("\"event\":\"delivered\",\"id\":%s,\"broker\":%s,\"queue\":%d,\"offset\":%d",
            Json.text(id), Json.text(broker), queue, offset));
    }

    void end() throws IOException {
        add("\"event\":\"end\"");
    }

    private synchronized void add(String fields) throws IOException {
        out.write("{\"at\":" + ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now()) + "," + fields + "}\n");
    }

    @Override
    public synchronized void close() throws IOException {
        out.close();
    }
}
