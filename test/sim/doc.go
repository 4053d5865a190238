// Package sim runs whole clusters in virtual time: real NameServers, real members of a broker group with their logs and queues on
// simulated disks, real clients, on a simulated network, inside testing/synctest. A minute of a cluster costs a few seconds.
//
// # What it is not
//
// It replaces no part of the product. Processes, kernels and file systems are not real (package test/cluster has those): a process
// that is killed loses its network at once and its goroutines end unheard; its disk is what internal/vfs says a kill or a power cut
// leaves. The two bbolt files are real ones, copied while nothing runs, so their commits count as atomic.
//
// # Flow
//
//	schedule.go    one seed ─► class, faults with their times and targets
//	run.go         the schedule ─► a Cluster, its load, the faults one by one, then Settle, Drain and the checkers
//	cluster.go     what there is, and the driver's loop; member.go: a machine and its process; disk.go, replace.go, faults.go: what happens to it
//	load.go        producers, tailers, a consumer group, a client that commits offsets; every call is recorded (history.go)
//	final.go       heals all, waits until the group is whole, reads every queue from every member, verifies the stopped members' files
//	check*.go      K1 to K11 over the recorded history; watch.go: K14 while it runs; logs.go: K16
//	artefact.go    what is kept of a failure; shrink.go: fewer faults that still fail
//
// # Invariants
//
//  1. A schedule is drawn before its run. The same seed gives the same schedule; it does not give the same interleaving, so a failure
//     keeps everything and is repeated many times.
//  2. A call whose effect is not certain is Unknown. Fail is only what certainly had no effect.
//  3. Faults, halts and copies of files are made by the driver's goroutine alone, while everything else waits for time.
//  4. At most a minority is ever damaged or replaced; everything else may happen to any number of members.
//
// # Concurrency
//
// A Cluster belongs to the goroutine that made it, the driver. Clients and members run beside it and touch only the History, the logs
// and what is atomic. Close waits for everything that was started.
package sim
