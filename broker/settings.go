package broker

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/raftmq/raftmq/broker/state"
)

// Settings that may change while the broker runs: by a reload of the configuration (Broker.Reload), and by UPDATE_BROKER_CONFIG, which
// overrides it. What came by 25 is part of the replicated state, so it holds on all members of the group and after a fail-over.

// Names that 25 may set, as RocketMQ spells them. Design D26: what is not here cannot be changed over the wire.
const (
	settingPermission = "brokerPermission"
	settingAutoTopic  = "autoCreateTopicEnable"
	settingAutoGroup  = "autoCreateSubscriptionGroup"
	settingReads      = "slaveReadEnable"
	settingKept       = "fileReservedTime" // hours
	settingDeleteWhen = "deleteWhen"       // hours of the day, separated by ;
)

// settable says for each name of those whether a value is right, and what would be.
var settable = map[string]func(value string) error{
	settingPermission: func(v string) error {
		if n, err := strconv.Atoi(v); err != nil || n&^int(permReadWrite) != 0 || n == 0 {
			return fmt.Errorf("want 2 (write), 4 (read) or 6 (both)")
		}
		return nil
	},
	settingAutoTopic: wantBool,
	settingAutoGroup: wantBool,
	settingReads:     wantBool,
	settingKept: func(v string) error {
		if n, err := strconv.Atoi(v); err != nil || n < 0 || n > 24*36500 {
			return fmt.Errorf("want hours, 0 to %d", 24*36500)
		}
		return nil
	},
	settingDeleteWhen: func(v string) error {
		_, err := parseHours(v)
		return err
	},
}

func wantBool(v string) error {
	if v != "true" && v != "false" {
		return fmt.Errorf("want true or false")
	}
	return nil
}

// parseHours reads "04" or "04;16" as times of day.
func parseHours(v string) ([]time.Duration, error) {
	var at []time.Duration
	for _, text := range strings.Split(v, ";") {
		hour, err := strconv.Atoi(text)
		if err != nil || hour < 0 || hour > 23 {
			return nil, fmt.Errorf("want hours from 00 to 23, separated by ;")
		}
		at = append(at, time.Duration(hour)*time.Hour)
	}
	return at, nil
}

// settings answers what holds now. It may be asked from any goroutine.
type settings struct {
	options *atomic.Pointer[Options]
	state   *state.State
}

func (s *settings) overridden(name string) (string, bool) {
	v, ok := s.state.Settings()[name]
	return v, ok
}

func (s *settings) truth(name string, configured bool) bool {
	if v, ok := s.overridden(name); ok {
		return v == "true"
	}
	return configured
}

func (s *settings) autoTopics() bool {
	return s.truth(settingAutoTopic, s.options.Load().AutoCreateTopic)
}
func (s *settings) autoGroups() bool {
	return s.truth(settingAutoGroup, s.options.Load().AutoCreateGroup)
}

// readable reports whether followers serve reads (design D22).
func (s *settings) readable() bool { return s.truth(settingReads, s.options.Load().FollowerReads) }

func (s *settings) hot() int64           { return s.options.Load().HotBytes }
func (s *settings) messageBytesMax() int { return s.options.Load().MessageBytesMax }

// permission is protocol.PermRead, PermWrite or both: of all topics at this broker.
func (s *settings) permission() int32 {
	if v, ok := s.overridden(settingPermission); ok {
		if n, err := strconv.Atoi(v); err == nil {
			return int32(n)
		}
	}
	return permReadWrite
}

// limits are those of retention.
func (s *settings) limits() retentionLimits {
	o := s.options.Load()
	l := retentionLimits{age: o.Retention, bytes: o.RetentionBytes, free: o.DiskFreeMin, between: o.BoundaryBytes, at: o.DeleteAt}
	if v, ok := s.overridden(settingKept); ok {
		if hours, err := strconv.Atoi(v); err == nil {
			l.age = time.Duration(hours) * time.Hour
		}
	}
	if v, ok := s.overridden(settingDeleteWhen); ok {
		if at, err := parseHours(v); err == nil {
			l.at = at
		}
	}
	return l
}

// forbids returns the refusal of a request that needs a permission which the broker does not have, nil if it has it.
func (s *settings) forbids(need int32, what, advertised string) error {
	if s.permission()&need != 0 {
		return nil
	}
	return refuse(errNoPermission, "the broker[%s] %s is forbidden", advertised, what)
}

// Reload takes over those of o that may change while the broker runs: AutoCreateGroup, FollowerReads, HotBytes, MessageBytesMax,
// AdminAllow, Retention, RetentionBytes, DiskFreeMin and DeleteAt. An error means that nothing changed.
func (b *Broker) Reload(o Options) error {
	next := *b.live.Load()
	next.AutoCreateGroup, next.FollowerReads, next.HotBytes = o.AutoCreateGroup, o.FollowerReads, o.HotBytes
	next.MessageBytesMax, next.AdminAllow = o.MessageBytesMax, o.AdminAllow
	next.Retention, next.RetentionBytes, next.DiskFreeMin, next.DeleteAt = o.Retention, o.RetentionBytes, o.DiskFreeMin, o.DeleteAt
	next.EnsureDefaults()
	if err := next.Validate(); err != nil {
		return err
	}
	admin, err := parseAdmission(next.AdminAllow)
	if err != nil {
		return err
	}
	b.live.Store(&next)
	b.dispatcher.admin.Store(&admin)
	return nil
}
