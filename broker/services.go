package broker

// services are the handlers of all request families.
type services struct {
	sends      *sender
	pulls      *puller
	offsets    *offsetHandler
	queries    *queueQueries
	views      *views
	retries    *retries
	heartbeats *heartbeats
	locks      *locks
	resets     *resets
	topics     *topicAdmin
	groups     *groupAdmin
	stats      *consumerStats
	relays     *relays
	admin      *brokerAdmin
}
