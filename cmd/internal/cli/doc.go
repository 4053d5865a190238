// Package cli holds the commands of the raftmq binary, one file per command.
//
// # What it is
//
// The cobra tree, the conversion of a config.Config into the Options of broker, namesrv and console (options.go), the processes that
// they make (process.go, server.go, namesrv.go, broker.go), the supervisor that restarts a broker (supervise.go), and the cluster of
// real processes on one machine (dev_*.go).
//
// # What it is not
//
// It serves no request itself and keeps no state but the files of a dev cluster. It does not map errors to exit codes on the way: a
// command returns an error, and ExitCode is asked once, in main.
//
// # Flow
//
// Run builds the tree and executes it. A command that serves loads its configuration, opens listeners (listeners.go: its own or those
// that a supervisor or systemd hands down), makes the components and runs them until SIGINT or SIGTERM (services.go). The other
// commands call the admin port (admin.go) or, as any RocketMQ client, the brokers (topic.go).
//
// # Invariants
//
//  1. Data goes to standard output, talk to standard error.
//  2. Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 unhealthy, 4 quarantined (design D27).
//  3. A process whose supervisor dies is killed by the kernel; two processes never serve one node.
//  4. dev touches no process that it cannot tell to be its own, and removes no file that it did not make.
//
// # Concurrency
//
// Commands run once, on one goroutine; what they start they wait for.
package cli
