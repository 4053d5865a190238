namesrv {
  addrs = ["127.0.0.1:10911"]
}
broker "RaftNode00" {
  peer "n0" {
    raft   = "127.0.0.1:40911"
    client = "127.0.0.1:10911"
  }
  peer "n1" {
    raft   = "127.0.0.1:40911"
    client = "127.0.0.1:10921"
  }
  peer "n2" {
    raft   = "127.0.0.1:40913"
    client = "127.0.0.1:10923"
    admin  = "127.0.0.1:8083"
  }
}
