# One broker group of three members, a NameServer on each machine. The same file on every machine:
#   raftmq namesrv -c /etc/raftmq/cluster.hcl
#   raftmq broker  -c /etc/raftmq/cluster.hcl --node n0     (n1, n2 on the others, or RAFTMQ_NODE)
# raftmq config show FILE prints every key with its value; raftmq config init FILE makes such a file with a fresh secret.

cluster  = "DefaultCluster"
data_dir = "/var/lib/raftmq" # a node uses data_dir/NODE/GROUP

namesrv {
  listen = ":9876"
  addrs  = ["10.0.0.10:9876", "10.0.0.11:9876", "10.0.0.12:9876"]
}

broker "RaftNode00" { # the name of the group is the broker name of RocketMQ
  peer "n0" {
    raft   = "10.0.0.10:40911" # how the other members reach it
    client = "10.0.0.10:10911" # what clients are told; 10909 is the VIP channel of old clients
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
    secret_file = "/etc/raftmq/raft.secret" # the same on all members; needed unless every raft address is loopback
  }
  store {
    flush               = "sync" # a majority has fsynced before the ack; "async" is faster and may lose what it acknowledged
    retention           = "3d"
    commitlog_file_size = "1GiB"
  }
  topic {
    auto_create    = false
    default_queues = 8
  }
}

admin {
  listen = "127.0.0.1:8082" # health, metrics and the API of the raftmq commands
  allow  = ["10.0.0.0/24"]  # from where mqadmin and dashboards may administer, besides loopback
}

log {
  level = "info"
  json  = false
}
