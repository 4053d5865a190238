namesrv {
  register_interval = "5ms"
}
broker "RaftNode00" {
  peer "n0" {
    raft   = "127.0.0.1:40911"
    client = "127.0.0.1:10911"
  }
  store {
    flush               = "fsync"
    commitlog_file_size = "1KiB"
    delete_at           = ["4am"]
  }
  topic {
    default_queues = 0
  }
}
