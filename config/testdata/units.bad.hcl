broker "RaftNode00" {
  peer "n0" {
    raft   = "127.0.0.1:40911"
    client = "127.0.0.1:10911"
  }
  raft {
    election_timeout  = 1000
    heartbeat_timeout = "500"
  }
  store {
    commitlog_file_size = 1073741824
    boundary_size       = "64MB"
    retention           = "3 days"
  }
}
