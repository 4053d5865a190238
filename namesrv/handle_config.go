package namesrv

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/raftmq/raftmq/remoting"
	"github.com/raftmq/raftmq/remoting/protocol"
)

// Codes 318 and 319. Source: DefaultRequestProcessor#updateConfig and #getConfig. Difference: no setting can be changed over the wire (design
// D26), so 318 refuses every key, all or nothing; 319 shows what was set, under RocketMQ's names, and no path.

func (s *Server) config(*remoting.Request) (*remoting.Command, error) {
	o := s.opts
	_, port, _ := net.SplitHostPort(o.Listener.Addr().String())
	var b strings.Builder
	for _, kv := range [][2]string{
		{"listenPort", port},
		{"needWaitForService", strconv.FormatBool(o.ReadyAfter > 0)},
		{"orderMessageEnable", strconv.FormatBool(o.OrderTopicConf)},
		{"scanNotActiveBrokerInterval", strconv.FormatInt(o.ScanInterval.Milliseconds(), 10)},
		{"supportActingMaster", "true"}, // a group without id 0 shows its lowest member as 0 (design D25)
		{"waitSecondsForService", strconv.Itoa(int(max(o.ReadyAfter, 0).Seconds()))},
	} {
		b.WriteString(kv[0] + "=" + kv[1] + "\n")
	}
	return &remoting.Command{Body: []byte(b.String())}, nil
}

func (s *Server) updateConfig(r *remoting.Request) (*remoting.Command, error) {
	for line := range strings.SplitSeq(string(r.Body), "\n") {
		key, _, _ := strings.Cut(strings.TrimSpace(line), "=")
		if key != "" && !strings.HasPrefix(key, "#") {
			remark := fmt.Sprintf("Can not update config in black list. %.64q cannot be changed over the wire: change the configuration file", key)
			return &remoting.Command{Code: protocol.NoPermission, Remark: remark}, nil
		}
	}
	return &remoting.Command{Code: protocol.SystemError, Remark: "no setting is named"}, nil
}
