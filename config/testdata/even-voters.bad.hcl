broker "RaftNode00" {
  peer "n0" {
    raft   = "127.0.0.1:40911"
    client = "127.0.0.1:10911"
  }
  peer "n1" {
    raft   = "127.0.0.1:40912"
    client = "127.0.0.1:10921"
  }
}
broker "RaftNode01" {
}
