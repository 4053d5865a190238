cluster = "A
broker "RaftNode00" {
