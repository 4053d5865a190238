package broker

import "github.com/raftmq/raftmq/remoting/protocol"

// followerRule says what a member does with a request while it does not lead.
type followerRule int

const (
	followerServes   followerRule = iota + 1 // from what it has applied
	followerForwards                         // to the leader, and waits within the budget while there is none
)

func (f followerRule) String() string { return [...]string{"none", "serves", "forwards"}[f] }

// rule is one row of the table of requests.
type rule struct {
	code     int32
	class    protocol.Class // from protocol.Codes: there is no default, a code without a class is refused (invariant 6, R-A1)
	follower followerRule
	lease    bool // the leader answers from what it knows, so its lease must be valid; a proposal proves itself
	handle   func(s *services, r *request) error
	// errorFields are put on every error reply.
	errorFields func(r *request) protocol.Fields
	// emptyToGo: the stock Go client takes an error for an empty list.
	emptyToGo bool
}

// rules is the table of all requests that are served. docs/compat.md is made from it.
var rules = []rule{
	{code: protocol.CodeSendMessage, follower: followerForwards, handle: func(s *services, r *request) error { return s.sends.serve(r) }, errorFields: sendErrorFields},
	{code: protocol.CodeSendMessageV2, follower: followerForwards, handle: func(s *services, r *request) error { return s.sends.serve(r) }, errorFields: sendErrorFields},
	{code: protocol.CodeSendBatchMessage, follower: followerForwards, handle: func(s *services, r *request) error { return s.sends.serve(r) }, errorFields: sendErrorFields},
	{code: protocol.CodePullMessage, follower: followerServes, handle: func(s *services, r *request) error { return s.pulls.serve(r) }, errorFields: pullErrorFields},
	{code: protocol.CodeLitePullMessage, follower: followerServes, handle: func(s *services, r *request) error { return s.pulls.serve(r) }, errorFields: pullErrorFields},
	{code: protocol.CodeQueryMessage, follower: followerServes, handle: func(s *services, r *request) error { return s.views.byKey(r) }},
	{code: protocol.CodeViewMessageByID, follower: followerServes, handle: func(s *services, r *request) error { return s.views.byOffset(r) }},
	{code: protocol.CodeQueryConsumerOffset, follower: followerForwards, lease: true, handle: func(s *services, r *request) error { return s.offsets.query(r) }},
	{code: protocol.CodeUpdateConsumerOffset, follower: followerForwards, handle: func(s *services, r *request) error { return s.offsets.update(r) }},
	{code: protocol.CodeSearchOffsetByTimestamp, follower: followerForwards, lease: true, handle: func(s *services, r *request) error { return s.queries.search(r) }},
	{code: protocol.CodeGetMaxOffset, follower: followerForwards, lease: true, handle: func(s *services, r *request) error { return s.queries.maxOffset(r) }},
	{code: protocol.CodeGetMinOffset, follower: followerServes, handle: func(s *services, r *request) error { return s.queries.minOffset(r) }},
	{code: protocol.CodeGetEarliestMsgStoreTime, follower: followerServes, handle: func(s *services, r *request) error { return s.queries.earliest(r) }},
	{code: protocol.CodeConsumerSendMsgBack, follower: followerForwards, handle: func(s *services, r *request) error { return s.retries.sendBack(r) }},
	{code: protocol.CodeHeartBeat, follower: followerServes, handle: func(s *services, r *request) error { return s.heartbeats.heartbeat(r) }},
	{code: protocol.CodeUnregisterClient, follower: followerServes, handle: func(s *services, r *request) error { return s.heartbeats.unregister(r) }},
	{code: protocol.CodeGetConsumerListByGroup, follower: followerForwards, lease: true, handle: func(s *services, r *request) error { return s.heartbeats.consumerList(r) }, emptyToGo: true},
	{code: protocol.CodeLockBatchMQ, follower: followerForwards, handle: func(s *services, r *request) error { return s.locks.lock(r) }},
	{code: protocol.CodeUnlockBatchMQ, follower: followerForwards, handle: func(s *services, r *request) error { return s.locks.unlock(r) }},
	{code: protocol.CodeInvokeBrokerToResetOffset, follower: followerForwards, lease: true, handle: func(s *services, r *request) error { return s.resets.reset(r) }},
	{code: protocol.CodeCheckClientConfig, follower: followerServes, handle: func(s *services, r *request) error { return s.heartbeats.checkConfig(r) }},
	{code: protocol.CodeUpdateAndCreateTopic, follower: followerForwards, handle: func(s *services, r *request) error { return s.topics.update(r) }},
	{code: protocol.CodeUpdateAndCreateTopicList, follower: followerForwards, handle: func(s *services, r *request) error { return s.topics.updateList(r) }},
	{code: protocol.CodeDeleteTopicInBroker, follower: followerForwards, handle: func(s *services, r *request) error { return s.topics.remove(r) }},
	{code: protocol.CodeGetAllTopicConfig, follower: followerServes, handle: func(s *services, r *request) error { return s.topics.all(r) }},
	{code: protocol.CodeGetTopicConfig, follower: followerForwards, lease: true, handle: func(s *services, r *request) error { return s.topics.one(r) }},
	{code: protocol.CodeGetTopicStatsInfo, follower: followerServes, handle: func(s *services, r *request) error { return s.topics.stats(r) }},
	{code: protocol.CodeQueryTopicConsumeByWho, follower: followerServes, handle: func(s *services, r *request) error { return s.topics.consumedBy(r) }},
	{code: protocol.CodeGetSystemTopicListFromBroker, follower: followerServes, handle: func(s *services, r *request) error { return s.topics.system(r) }},
	{code: protocol.CodeUpdateAndCreateSubscriptionGroup, follower: followerForwards, handle: func(s *services, r *request) error { return s.groups.update(r) }},
	{code: protocol.CodeUpdateAndCreateSubscriptionGroupList, follower: followerForwards, handle: func(s *services, r *request) error { return s.groups.updateList(r) }},
	{code: protocol.CodeDeleteSubscriptionGroup, follower: followerForwards, handle: func(s *services, r *request) error { return s.groups.remove(r) }},
	{code: protocol.CodeGetAllSubscriptionGroupConfig, follower: followerServes, handle: func(s *services, r *request) error { return s.groups.all(r) }},
	{code: protocol.CodeGetSubscriptionGroupConfig, follower: followerForwards, lease: true, handle: func(s *services, r *request) error { return s.groups.one(r) }},
	{code: protocol.CodeGetConsumerConnectionList, follower: followerServes, handle: func(s *services, r *request) error { return s.stats.consumers(r) }},
	{code: protocol.CodeGetProducerConnectionList, follower: followerServes, handle: func(s *services, r *request) error { return s.stats.producers(r) }},
	{code: protocol.CodeGetAllProducerInfo, follower: followerServes, handle: func(s *services, r *request) error { return s.stats.allProducers(r) }},
	{code: protocol.CodeGetConsumerRunningInfo, follower: followerServes, handle: func(s *services, r *request) error { return s.relays.runningInfo(r) }},
	{code: protocol.CodeConsumeMessageDirectly, follower: followerServes, handle: func(s *services, r *request) error { return s.relays.consumeDirectly(r) }},
	{code: protocol.CodeGetConsumeStats, follower: followerForwards, lease: true, handle: func(s *services, r *request) error { return s.stats.progress(r) }},
	{code: protocol.CodeUpdateBrokerConfig, follower: followerForwards, handle: func(s *services, r *request) error { return s.admin.updateConfig(r) }},
	{code: protocol.CodeGetBrokerConfig, follower: followerServes, handle: func(s *services, r *request) error { return s.admin.config(r) }},
	{code: protocol.CodeCleanExpiredConsumeQueue, follower: followerServes, handle: nothingToDo},
	{code: protocol.CodeCleanUnusedTopic, follower: followerServes, handle: nothingToDo},
	{code: protocol.CodeDeleteExpiredCommitLog, follower: followerServes, handle: nothingToDo},
	{code: protocol.CodeGetBrokerRuntimeInfo, follower: followerServes, handle: func(s *services, r *request) error { return s.admin.runtime(r) }},
}

// nothingToDo answers requests for what happens here by itself.
func nothingToDo(_ *services, r *request) error {
	r.succeed(nil, nil)
	return nil
}

// ruleTable indexes the rules by code, with their classes. A code that protocol.Codes does not know is left out, and so refused.
func ruleTable() map[int32]*rule {
	table := make(map[int32]*rule, len(rules))
	for _, r := range rules {
		if info, ok := protocol.Lookup(r.code); ok {
			r.class = info.Class
			table[r.code] = &r
		}
	}
	return table
}
