package config

import (
	"time"
)

// Config is everything that one file says about a cluster. The tags are the schema: key is the name in the file, doc its description,
// min, max and oneof what is allowed, is the form of a string, label the block label that HCL writes before the brace.
type Config struct {
	Cluster string `key:"cluster" is:"name" doc:"cluster name as clients and mqadmin see it"`
	DataDir string `key:"data_dir" doc:"data of all nodes; a node uses data_dir/NODE/GROUP"`
	Node    string `key:"node" is:"optional name" doc:"which node of the file this machine is; usually --node or RAFTMQ_NODE"`
	// Linger is a little more than the 30 s after which stock clients ask for the route again.
	Linger  time.Duration `key:"linger" min:"0s" max:"10m" doc:"how long a broker that is told to stop by SIGTERM serves clients that still have its address; it ends when none is connected, by a second SIGTERM or by SIGINT"`
	Namesrv Namesrv       `key:"namesrv" doc:"NameServers"`
	Brokers []Broker      `key:"broker" doc:"one block per broker group; a group is a Raft group"`
	Admin   Admin         `key:"admin" doc:"HTTP admin port: health, metrics, API of the raftmq commands"`
	Log     Log           `key:"log" doc:"process log"`
}

// Namesrv says where NameServers are and how brokers and they keep in touch.
type Namesrv struct {
	Listen            string        `key:"listen" is:"listen" doc:"where a NameServer process listens"`
	Addrs             []string      `key:"addrs" is:"address" doc:"all NameServers; every broker registers with every one"`
	AdminListen       string        `key:"admin_listen" is:"optional listen" doc:"admin port of a NameServer process; empty: none"`
	RegisterInterval  time.Duration `key:"register_interval" min:"1s" max:"60s" doc:"full registration of a broker"`
	HeartbeatInterval time.Duration `key:"heartbeat_interval" min:"100ms" max:"30s" doc:"light heartbeat of a broker"`
	BrokerTimeout     time.Duration `key:"broker_timeout" min:"1s" max:"10m" doc:"silence after which a registration expires, unless it named its own"`
	ExpireScan        time.Duration `key:"expire_scan" min:"100ms" max:"60s" doc:"how often expired registrations are looked for"`
	SecretFile        string        `key:"secret_file" doc:"file with a secret that brokers and NameServers share, relative to this file; with it NameServers take registrations only from brokers that sign them"`
	Secret            string        `key:"secret" secret:"true" doc:"that secret itself"`
	ReadyAfter        time.Duration `key:"ready_after" min:"0s" max:"10m" doc:"how long an empty NameServer answers \"not ready\" for topics it does not know"`
}

// Broker is one broker group: its members and the settings that all of them share.
type Broker struct {
	Name       string `key:"name" is:"name" label:"true" doc:"broker name, which is the name of the group"`
	Listen     string `key:"listen" is:"optional host" doc:"address to bind; default all, or loopback if the peer's address is loopback"`
	VIPChannel bool   `key:"vip_channel" doc:"also listen on the client port - 2, which old clients use"`
	Peers      []Peer `key:"peer" doc:"a member; the order is the order of broker ids and the first one bootstraps"`
	Raft       Raft   `key:"raft" doc:"replication"`
	Store      Store  `key:"store" doc:"the log on disk"`
	Topic      Topic  `key:"topic" doc:"topics"`
	Group      Group  `key:"group" doc:"consumer groups"`
	Limits     Limits `key:"limits" doc:"what one client may ask for"`
	Read       Read   `key:"read" doc:"where consumers read"`
	Delay      Delay  `key:"delay" doc:"delayed messages"`
}

// Peer is one member of a group.
type Peer struct {
	ID     string `key:"id" is:"name" label:"true" doc:"node name; a node may be a peer of several groups"`
	Raft   string `key:"raft" is:"address" doc:"host:port at which the other members reach it"`
	Client string `key:"client" is:"address" doc:"host:port that clients are told"`
	Admin  string `key:"admin" is:"optional address" doc:"its admin port, if not that of the admin block"`
}

// Raft configures replication inside a group.
type Raft struct {
	HeartbeatTimeout time.Duration `key:"heartbeat_timeout" min:"50ms" max:"60s" doc:"silence of the leader after which a follower stands for election"`
	ElectionTimeout  time.Duration `key:"election_timeout" min:"50ms" max:"60s" doc:"silence after which a candidate tries again"`
	LeaseTimeout     time.Duration `key:"lease_timeout" min:"20ms" max:"60s" doc:"how long a leader stays one without hearing from a majority"`
	PreferredLeader  string        `key:"preferred_leader" is:"optional name" doc:"node that takes over leadership whenever it has caught up"`
	SecretFile       string        `key:"secret_file" doc:"file with the shared secret of the members, relative to this file"`
	Secret           string        `key:"secret" secret:"true" doc:"the shared secret itself; secret_file keeps it out of this file"`
	Insecure         bool          `key:"insecure" doc:"allow a Raft address that is not loopback without a secret"`
	EntrySize        Bytes         `key:"entry_size" min:"64KiB" max:"8MiB" doc:"largest log entry that gathers several messages"`
	EntriesInFlight  int           `key:"entries_in_flight" min:"1" max:"16" doc:"entries being replicated at once"`
	QueueSize        Bytes         `key:"queue_size" min:"1MiB" max:"4GiB" doc:"messages waiting to be replicated; beyond it sends are refused as busy"`
}

// Store configures the log of a member.
type Store struct {
	Flush             string        `key:"flush" oneof:"sync async" doc:"sync: a majority has fsynced before the ack; async: background flush, a crash of hosts may lose acknowledged messages"`
	FlushInterval     time.Duration `key:"flush_interval" min:"1ms" max:"60s" doc:"background flush, only with flush = \"async\""`
	CommitlogFileSize Bytes         `key:"commitlog_file_size" min:"1MiB" max:"16GiB" doc:"segment size"`
	TailCache         Bytes         `key:"tail_cache" min:"1MiB" max:"16GiB" doc:"recent records kept in memory"`
	Retention         time.Duration `key:"retention" min:"0s" max:"36500d" doc:"age after which messages may be removed; 0s keeps them. A delayed message that still waits stays, and all that is behind it"`
	DeleteAt          []string      `key:"delete_at" is:"time" doc:"times of day of the leader at which messages older than retention are removed, each for an hour; none: as soon as they are"`
	RetentionSize     Bytes         `key:"retention_size" min:"0B" max:"1024TiB" doc:"log size beyond which the oldest messages go; 0B: no limit"`
	DiskFreeMin       Bytes         `key:"disk_free_min" min:"0B" max:"1024TiB" doc:"free disk space below which the oldest messages go"`
	DiskReserve       Bytes         `key:"disk_reserve" min:"1MiB" max:"1TiB" doc:"free disk space below which sends are refused"`
	ScrubRate         Bytes         `key:"scrub_rate" min:"0B" max:"10GiB" doc:"bytes a second of older segments that are read and verified in the background; 0B: none"`
	BoundarySize      Bytes         `key:"boundary_size" min:"1MiB" max:"64GiB" doc:"log bytes between two images of the state; retention removes whole intervals"`
}

// Topic configures topics.
type Topic struct {
	AutoCreate    bool `key:"auto_create" doc:"create a topic when a message for it arrives"`
	DefaultQueues int  `key:"default_queues" min:"1" max:"1024" doc:"queues of such a topic"`
}

// Group configures consumer groups.
type Group struct {
	AutoCreate           bool          `key:"auto_create" doc:"create a consumer group when its first consumer comes"`
	OffsetCommitInterval time.Duration `key:"offset_commit_interval" min:"1ms" max:"10s" doc:"how long one-way offset commits are gathered"`
}

// Limits bound what clients make a broker hold.
type Limits struct {
	MessageSize      Bytes         `key:"message_size" min:"1KiB" max:"8MiB" doc:"largest message"`
	Connections      int           `key:"connections" min:"1" max:"1000000" doc:"client connections"`
	InflightRequests int           `key:"inflight_requests" min:"1" max:"1000000" doc:"unanswered requests of one connection; then its socket is not read"`
	InflightSize     Bytes         `key:"inflight_size" min:"1MiB" max:"64GiB" doc:"bytes of unanswered requests of all connections; then sockets are not read"`
	IdleTimeout      time.Duration `key:"idle_timeout" min:"1s" max:"1d" doc:"silence after which a connection is closed"`
	ParkedPulls      int           `key:"parked_pulls" min:"1" max:"10000000" doc:"pulls waiting for messages"`
	ForwardBudget    time.Duration `key:"forward_budget" min:"100ms" max:"60s" doc:"how long a request waits for a leader or is forwarded to it"`
}

// Read configures reads from followers.
type Read struct {
	FromFollowers bool  `key:"from_followers" doc:"send consumers that are far behind to a follower"`
	HotWindow     Bytes `key:"hot_window" min:"1MiB" max:"1TiB" doc:"distance from the newest message that counts as far behind"`
}

// Delay configures delayed messages.
type Delay struct {
	Levels string `key:"levels" is:"levels" doc:"delay of level 1, 2, … as clients choose them"`
}

// Admin configures the HTTP admin port and who may administer.
type Admin struct {
	Listen    string   `key:"listen" is:"listen" doc:"where a broker process serves health, metrics and the API; nodes on one host take the following ports"`
	Allow     []string `key:"allow" is:"network" doc:"networks besides loopback whose RocketMQ admin requests are served (mqadmin, dashboards)"`
	TokenFile string   `key:"token_file" doc:"file with the bearer token for changes over HTTP, relative to this file; without one only loopback may change anything"`
	Token     string   `key:"token" secret:"true" doc:"the token itself"`
	Pprof     bool     `key:"pprof" doc:"serve /debug/pprof when the admin port is on loopback"`
}

// Log configures the process log, which goes to standard error.
type Log struct {
	Level string `key:"level" oneof:"trace debug info warn error" doc:"lowest level that is written"`
	JSON  bool   `key:"json" doc:"one JSON object per line"`
}
