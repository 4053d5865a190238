broker "RaftNode01" {
  listen = "0.0.0.0"
  peer "m0" {
    raft   = "127.0.0.1:40921"
    client = "127.0.0.1:10921"
  }
}
broker "RaftNode00" {
  peer "n0" {
    raft   = "10.0.0.10:40911"
    client = "10.0.0.10:10911"
  }
}
