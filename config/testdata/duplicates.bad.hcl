cluster = "A"
namesrv {
  listen = ":9876"
}
namesrv {
  listen = ":9877"
}
broker "RaftNode00" {
  peer "n0" {
    raft   = "127.0.0.1:40911"
    client = "127.0.0.1:10911"
  }
  peer "n0" {
    raft   = "127.0.0.1:40912"
    client = "127.0.0.1:10921"
  }
}
