// Package cluster runs real raftmq processes under real faults: kill -9, a stopped process, cut and lossy networks, power cuts, full
// and hung disks, failing writes, bytes that rot.
//
// # What it is not
//
// It is no simulation: time is real, the kernel's TCP and ext4 are in between, and a seed repeats the schedule of a history, not its
// interleaving. Package test/sim does the many cheap histories in virtual time; this one does few that nothing was left out of. It
// needs Linux and root; where a capability is missing its tests skip and say which, and fail instead if RAFTMQ_REQUIRE names it.
//
// # Flow
//
// Main (sandbox.go) runs the test binary once more in a mount and a network namespace of its own, and removes what dead runs left. A Host
// (host.go) is one machine: a network namespace with one TUN device. The Network (network.go) carries packets between hosts and the
// test, by a Link per direction that cuts, delays and loses. A Disk (disk.go) is a file system of its own on a loop device over a file in
// a tmpfs. A Cluster (cluster.go, node.go) is NameServers and brokers on such hosts and disks. A Load (load.go) sends, tails and
// commits through package client, and writes a History (history.go); check.go holds it against what is read back at the end. A
// Schedule (schedule.go) of faults (faults.go) is drawn from a seed. The tests are whole histories (histories_test.go), scripted cases
// of one fault with a record second by second (scripted_test.go), rot on one member (rot_test.go) and times (availability_test.go).
//
// # Invariants
//
//  1. Nothing outside of this run is touched. Mounts and networks are those of the run's own namespaces. A process is signalled only
//     through the handle with which the run started it. The ioctls that shut down or freeze a file system go to a
//     descriptor whose device is a loop device over an image of this run (guard.go).
//  2. Nothing stays. What ends with its last user ends with the run even if it is killed: namespaces, mounts, loop devices, processes. A frozen
//     file system is thawed by a watchdog process of its own. Files lie in one directory that the next run removes if
//     its owner is dead.
//  3. A message counts as lost only if the client was told that it is stored; one whose outcome is unknown may be there once or not
//     at all; one that was refused must not be there.
//  4. Counts are printed and have floors: a run that did nothing fails.
//
// # Concurrency
//
// A Cluster and its parts belong to one test. Faults are made by the test's goroutine, one after the other. Load and Network have goroutines
// of their own, which Stop and Close wait for.
package cluster
