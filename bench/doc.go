// Package bench loads a cluster that speaks RocketMQ's remoting protocol, measures it and checks what it keeps.
//
// # What it is not
//
// It knows no server package, so that every broker is measured alike. It makes no faults itself: a Fault is a function of the caller's
// (package cli makes them through dev or by a command). It is no client library: routes, pulls and retries are those of package client.
//
// # Flow
//
// A Job (run.go) opens its Target (target.go: topic, connections, queues) and runs by kind: produce.go, consume.go, checked.go (end to end),
// failover.go. The generator (generator.go) decides when each message is sent, in a closed or an open loop. One attempt is made over a
// stream (streams.go, stream.go), whose frames are filled templates (template.go); fail-over runs send through producers (producers.go),
// which try again. A Recorder (recorder.go) counts answers into a series (series.go) and histograms (histogram.go). Checked messages carry a mark (mark.go); a Ledger
// (ledger.go) says what was lost, doubled or out of order after readback.go has read everything; gaps.go finds the times without any
// acknowledgement. sweep.go and search.go make many runs of one. A Report (report.go, host.go for the environment) is written as a table and
// CSV (text.go), in RocketMQ's lines (rocketmq.go), as JSON, or as one HTML page (html.go, figures.go, chart.go); compare.go sets two side by side.
//
// Everything but target.go, streams.go, stream.go, producers.go, consume.go, readback.go, run.go and host.go works without a network and a clock of its own.
//
// # Invariants
//
//  1. In an open loop a latency begins when the message was meant to be sent, not when the tool got round to it.
//  2. A message counts as measured by its intended time alone: one that is answered late is not left out.
//  3. Only response code 0 is a success. Errors count in the warm-up too.
//  4. A lane has one message in flight. What a lane's body holds does not change until that message is done.
//  5. A message is lost only if it was acknowledged and its queue has been read from leaders to the end since.
//  6. A frame of a template is byte for byte what package remoting encodes.
//  7. WriteJSON loses nothing: a report that is read back gives the same table, CSV and page.
//
// # Concurrency
//
// A Job is done once, by one goroutine, which waits for all that it started. Recorder.Tick belongs to the sampling goroutine, Shards and the
// Ledger may be used from any. OnPoint and OnFault are called from one goroutine each.
package bench
