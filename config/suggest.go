package config

import (
	"fmt"
	"strings"

	"github.com/agext/levenshtein"
)

// suggest says what may have been meant by an unknown key of block s: a similar key, the block that has it, or what a RocketMQ key is
// called here.
func (c *checker) suggest(s *schema, name string) string {
	var names []string
	for _, f := range s.fields {
		names = append(names, f.name)
	}
	if near := nearest(name, names); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if ours, ok := rocketmqKeys()[strings.ToLower(name)]; ok {
		if strings.HasPrefix(ours, "gone") {
			return ours
		}
		return "RocketMQ's " + name + " is " + ours + " here"
	}
	if home := c.root.home(name, ""); home != "" {
		return "it belongs in " + home
	}
	return ""
}

// home finds the block that has a key called name.
func (s *schema) home(name, path string) string {
	if path != "" && s.find(name) != nil {
		return path
	}
	for _, f := range s.fields {
		if f.block == nil {
			continue
		}
		if home := f.block.home(name, strings.TrimSpace(path+" "+f.name)); home != "" {
			return home
		}
	}
	return ""
}

// nearest returns the one of names that is most like name, "" if none is like it.
func nearest(name string, names []string) string {
	best, bestDistance := "", 1+max(2, len(name)/3)
	for _, n := range names {
		if d := levenshtein.Distance(strings.ToLower(name), strings.ToLower(n), nil); d < bestDistance {
			best, bestDistance = n, d
		}
	}
	return best
}

// rocketmqKeys maps keys of broker.conf, in lower case, to ours: for those who bring their habits.
func rocketmqKeys() map[string]string {
	return map[string]string{
		"brokerclustername":             "cluster",
		"brokername":                    `the label of broker "NAME"`,
		"dlegergroup":                   `the label of broker "NAME"`,
		"dlegerselfid":                  "node, or --node",
		"dlegerpeers":                   `one peer "ID" block per member`,
		"brokerid":                      "the place of a peer in the file; the leader is 0",
		"brokerrole":                    "gone: the group elects its leader",
		"namesrvaddr":                   "namesrv addrs",
		"listenport":                    "the port of peer client",
		"bindaddress":                   "broker listen",
		"brokerip1":                     "the host of peer client",
		"flushdisktype":                 "store flush",
		"storepathrootdir":              "data_dir",
		"mappedfilesizecommitlog":       "store commitlog_file_size",
		"mapedfilesizecommitlog":        "store commitlog_file_size",
		"filereservedtime":              "store retention",
		"maxmessagesize":                "limits message_size",
		"messagedelaylevel":             "delay levels",
		"autocreatetopicenable":         "topic auto_create",
		"defaulttopicqueuenums":         "topic default_queues",
		"autocreatesubscriptiongroup":   "group auto_create",
		"slavereadenable":               "read from_followers",
		"registernameserverperiod":      "namesrv register_interval",
		"brokerheartbeatinterval":       "namesrv heartbeat_interval",
		"preferredleaderid":             "raft preferred_leader",
		"deletewhen":                    "store delete_at",
		"accessmessageinmemorymaxratio": "read hot_window",
	}
}
