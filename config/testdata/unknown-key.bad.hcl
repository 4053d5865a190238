broker "RaftNode00" {
  peer "n0" {
    raft   = "127.0.0.1:40911"
    client = "127.0.0.1:10911"
  }
  store {
    retenton = "3d"
  }
}
