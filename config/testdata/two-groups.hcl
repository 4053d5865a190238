# Two groups of three on three nodes of one machine.
cluster  = "Test_1"
data_dir = "data"
namesrv { addrs = ["127.0.0.1:20000"] }

broker "RaftNode00" {
  vip_channel = false
  peer "n0" {
    raft   = "127.0.0.1:20001"
    client = "127.0.0.1:20011"
  }
  peer "n1" {
    raft   = "127.0.0.1:20002"
    client = "127.0.0.1:20012"
  }
  peer "n2" {
    raft   = "127.0.0.1:20003"
    client = "127.0.0.1:20013"
  }
  store {
    flush          = "async"
    flush_interval = "50ms"
    retention      = "1h30m"
  }
}

broker "RaftNode01" {
  vip_channel = false
  peer "n0" {
    raft   = "127.0.0.1:20021"
    client = "127.0.0.1:20031"
    admin  = "127.0.0.1:20041"
  }
  peer "n1" {
    raft   = "127.0.0.1:20022"
    client = "127.0.0.1:20032"
    admin  = "127.0.0.1:20042"
  }
  peer "n2" {
    raft   = "127.0.0.1:20023"
    client = "127.0.0.1:20033"
    admin  = "127.0.0.1:20043"
  }
  raft { secret_file = "raft.secret" }
  limits {
    message_size   = "512KiB"
    forward_budget = "1s500ms"
  }
  delay { levels = "1s 5s 1d" }
}
