// Package compat proves with stock clients that a cluster speaks RocketMQ's protocol: the Go client here, the Java
// clients and mqadmin in java/. Any RocketMQ-compatible cluster can be put to the test, Apache RocketMQ included, which
// is how the programs themselves are proved.
//
// # What it is not
//
// It does not touch the cluster under test: NAMESRV_ADDR names a running one (the tests fail without it), and
// scripts/failover.sh kills leaders under the programs of cmd/pair. Only what needs other settings or dead nodes starts a
// raftmq cluster of its own (own_test.go; left out with -short). It knows nothing of the broker's own packages; it is a
// module of its own because the clients bring old dependencies.
//
// # Flow
//
// One file for each part of the clients' API: produce_test.go, order_test.go, consume_test.go, offset_test.go,
// retry_test.go, pull_test.go, reads_test.go, admin_test.go; what they share is in cluster_test.go and sink_test.go. cmd/pair is a producer
// and a consumer that run for long and keep a journal (internal/pair), cmd/record relays connections to capture golden
// frames (internal/record).
//
// # Invariants
//
//  1. Every topic, group and client name is new in each run, so that runs do not meet and need no cleaning up.
//  2. Client settings are the defaults, except where a test says why not.
//
// # Concurrency
//
// The tests run in parallel: most of their time is waiting for the clients' own timers. They cannot run with -race: the
// client races with itself (its queues and subscriptions are read and written without a lock).
package compat
