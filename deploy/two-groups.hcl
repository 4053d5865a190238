# Two broker groups over three machines: every machine runs one process with a member of each group. A topic's queues are spread over
# both; with the preferred leaders below each group is led from another machine, so that both share the load.

cluster  = "DefaultCluster"
data_dir = "/var/lib/raftmq"

namesrv {
  addrs = ["10.0.0.10:9876", "10.0.0.11:9876", "10.0.0.12:9876"]
}

broker "RaftNode00" {
  peer "n0" {
    raft   = "10.0.0.10:40911"
    client = "10.0.0.10:10911"
  }
  peer "n1" {
    raft   = "10.0.0.11:40911"
    client = "10.0.0.11:10911"
  }
  peer "n2" {
    raft   = "10.0.0.12:40911"
    client = "10.0.0.12:10911"
  }
  raft {
    preferred_leader = "n0"
    secret_file      = "/etc/raftmq/raft.secret"
  }
}

broker "RaftNode01" {
  peer "n0" {
    raft   = "10.0.0.10:40921"
    client = "10.0.0.10:10921"
  }
  peer "n1" {
    raft   = "10.0.0.11:40921"
    client = "10.0.0.11:10921"
  }
  peer "n2" {
    raft   = "10.0.0.12:40921"
    client = "10.0.0.12:10921"
  }
  raft {
    preferred_leader = "n1"
    secret_file      = "/etc/raftmq/raft.secret"
  }
}
