broker {
  peer "n0" {
    raft   = "127.0.0.1:40911"
    client = "127.0.0.1:10911"
  }
}
namesrv "main" {
  listen = ":9876"
}
