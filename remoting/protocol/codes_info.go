package protocol

import "sort"

// Direction says who receives a request; bits, as some codes go to more than one.
type Direction uint8

const (
	ToBroker Direction = 1 << iota
	ToNameServer
	ToClient
	ToController
)

// Class says who may send a request when access is limited (design D26). There is no default class: a code that is not in
// Codes is refused.
type Class uint8

const (
	Public  Class = 1 + iota // anyone: routes, heartbeats
	Produce                  // who may send messages
	Consume                  // who may read messages and their offsets
	Admin                    // loopback, or networks and principals named for it
	Peer                     // brokers, name servers and members only
)

var classNames = [...]string{"", "public", "produce", "consume", "admin", "peer"}

func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return ""
}

// Status says what a server of ours does with a request.
type Status uint8

const (
	AnsweredNotSupported Status = iota // code 3, as RocketMQ answers a code without handler
	Served
	NoEffect // answered with success, because there is nothing to do here
)

var statusNames = [...]string{"answered 3", "served", "accepted, no effect"}

func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return ""
}

// CodeInfo describes one request code.
type CodeInfo struct {
	Code       int32
	Name       string // as in RocketMQ's RequestCode
	To         Direction
	Class      Class
	Broker     Status // what a broker does with it
	NameServer Status // what a name server does with it
	Note       string // for docs/compat.md: what differs from RocketMQ
}

// Lookup returns the entry of a request code; ok is false for a code that RocketMQ does not define.
func Lookup(code int32) (info CodeInfo, ok bool) {
	i := sort.Search(len(Codes), func(i int) bool { return Codes[i].Code >= code })
	if i == len(Codes) || Codes[i].Code != code {
		return CodeInfo{}, false
	}
	return Codes[i], true
}
