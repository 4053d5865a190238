broker "RaftNode00" {
  peer "n0" {
    client = "127.0.0.1:10911"
  }
}
