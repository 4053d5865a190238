# Three members, one group: the same file on every machine.
cluster  = "DefaultCluster"
data_dir = "/var/lib/raftmq"

namesrv {
  listen = ":9876"
  addrs  = ["10.0.0.10:9876", "10.0.0.11:9876", "10.0.0.12:9876"]
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
    heartbeat_timeout = "500ms"
    election_timeout  = "1.5s"
    preferred_leader  = "n0"
    secret_file       = "/etc/raftmq/raft.secret"
  }
  store {
    flush               = "sync"
    retention           = "3d"
    delete_at           = ["04:00"]
    commitlog_file_size = "1GiB"
  }
  topic {
    auto_create    = true
    default_queues = 4
  }
}

admin {
  listen = "127.0.0.1:8082"
}
log {
  level = "info"
  json  = false
}
