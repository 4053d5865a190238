package state

import (
	"maps"

	"github.com/raftmq/raftmq/raftlog"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

// settingsMax bounds the settings of a group. It is part of the format.
const settingsMax = 1000

// PutSettings, kind 16:
//
//	strings  name and value

// AppendPutSettings sets settings of the group that an administrator changed while it ran; an empty value takes one back. All or nothing: Invalid if
// there would be more than settingsMax.
func AppendPutSettings(dst []byte, settings map[string]string) []byte {
	dst, start := commitlog.BeginSubRecord(dst, uint8(KindPutSettings), kindVersion, 0)
	dst = appendStrings(dst, settings)
	commitlog.FinishSubRecord(dst, start)
	return dst
}

func decodePutSettings(b []byte) (settings map[string]string, ok bool) {
	r := reader{src: b}
	settings = r.strings()
	for name := range settings {
		r.bad = r.bad || len(name) == 0 || len(name) > nameBytesMax
	}
	return settings, r.ok()
}

func (m *machine) applyPutSettings(e *entry, payload []byte, r *raftlog.Result) {
	changed, ok := decodePutSettings(payload)
	next := maps.Clone(*m.settings.Load())
	for name, value := range changed {
		if value == "" {
			delete(next, name)
		} else {
			next[name] = value
		}
	}
	if !ok || len(next) > settingsMax {
		r.Code = Invalid
		return
	}
	r.Code = OK
	for name, value := range changed {
		if value == "" {
			m.remove(tableSettings, name)
		} else {
			m.put(tableSettings, name, []byte(value))
		}
	}
	m.settings.Store(&next)
	m.mu.Lock()
	m.meta.topicVersion = m.meta.topicVersion.next(e.wallTime) // a permission of the broker shows in the routes of all topics
	m.mu.Unlock()
	e.out.settings = true
}

// Settings are what administrators set while the group ran; the map is not to be changed. It takes no lock.
func (s *State) Settings() map[string]string { return *s.live.Load().settings.Load() }
