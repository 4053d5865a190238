broker "RaftNode00" {
  peer "n0" {
    raft   = "10.0.0.10:40911"
    client = "10.0.0.10:10911"
  }
}
