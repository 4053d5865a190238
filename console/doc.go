// Package console serves the HTTP admin port of one process.
//
// # What it is
//
// Health (/healthz, /readyz, /startupz), Prometheus metrics (/metrics), and the JSON API under /v1 that the raftmq commands use. One Go
// type describes each answer (views.go), for the server and for [Client] alike.
//
// # What it is not
//
// It holds no state and decides nothing: it reads the status of the members that run in its process and passes changes on to them. It
// never calls another process; a change that only the leader can make is answered with the leader's admin address, and [Client] goes there.
//
// # Flow
//
// server.go bounds connections, header, bodies and time and starts the mux; guard.go says who may change anything; health.go answers
// probes; read.go the GET requests and change.go the others.
//
// # Invariants
//
//  1. A request that changes something comes from loopback and not from a browser, or carries the configured token.
//  2. Profiles are served on loopback listeners only.
//  3. No answer contains a secret.
//
// # Concurrency
//
// A Server may be used from any goroutine once made; Run returns when everything it started has ended.
package console
