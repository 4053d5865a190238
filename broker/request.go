package broker

import (
	"errors"
	"net/netip"
	"time"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// forwardedKey is the extField in which a member that forwards a request names the client it came from (design D21). It counts only on
// streams between members; clients may send what they like.
const forwardedKey = "raftmq.client"

// notHereKey marks the response of a member that certainly did nothing with a forwarded request because it does not lead.
const notHereKey = "raftmq.notLeader"

// request is a client's request on its way through this member.
type request struct {
	*remoting.Request
	rule      *rule
	client    netip.AddrPort // who asked, also when another member forwarded it
	forwarded bool           // it came from another member and is not forwarded again (invariant 3)
	deadline  time.Time      // how long it may wait for a leader
}

// succeed replies with code 0.
func (r *request) succeed(ext protocol.Fields, body []byte) {
	r.Reply(&remoting.Command{Code: protocol.Success, Ext: ext, Body: body})
}

// answer replies with a code, a remark and fields.
func (r *request) answer(code int32, remark string, ext protocol.Fields, body []byte) {
	r.Reply(&remoting.Command{Code: code, Remark: remark, Ext: ext, Body: body})
}

// fail replies with what err means to the client.
func (r *request) fail(err error) {
	code, remark := replyOf(err)
	resp := remoting.Command{Code: code, Remark: remark}
	if r.rule != nil && r.rule.errorFields != nil {
		resp.Ext = r.rule.errorFields(r)
	}
	var forbidden *forbiddenError
	if errors.As(err, &forbidden) {
		resp.Ext = append(resp.Ext, forbidden.extra())
	}
	if r.forwarded && isNotHere(err) {
		resp.Ext = resp.Ext.Set(notHereKey, "true")
	}
	r.refuse(&resp)
}

// lateError is later than a stock Go client waits for a list of consumers (3 s).
const lateError = 3500 * time.Millisecond

// refuse sends an error. Where a client would take it for an empty list (rocketmq-client-go 2.1.2, findConsumerList, which looks at no code: it
// would let all its queues go until it asks again after 20 s), the error comes when the client has given up, which it takes for an error.
func (r *request) refuse(resp *remoting.Command) {
	if r.rule != nil && r.rule.emptyToGo && r.Language == protocol.Go && !r.forwarded {
		time.AfterFunc(lateError, func() { r.Reply(resp) })
		return
	}
	r.Reply(resp)
}

// clip shortens what a client chose, for logs.
func clip(s string) string {
	const loggedMax = 256
	if len(s) > loggedMax {
		return s[:loggedMax] + "…"
	}
	return s
}

// body replies with code 0 and a JSON body.
func (r *request) body(v protocol.Body) error {
	r.succeed(nil, v.Encode())
	return nil
}
