package cli

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// firstHandedDown is the first descriptor in the LISTEN_FDS manner (sd_listen_fds(3)).
const firstHandedDown = 3

// listeners opens the ports of a process, or takes those that a supervisor or systemd handed down under the same names: "client.GROUP",
// "vip.GROUP", "raft.GROUP", "admin", "namesrv".
type listeners struct {
	inherited map[string]*os.File
}

// inheritedListeners reads LISTEN_FDS, LISTEN_FDNAMES and LISTEN_PID. A supervisor of ours sets no pid, since it cannot know it.
func inheritedListeners(environ []string) (*listeners, error) {
	l := &listeners{inherited: map[string]*os.File{}}
	count := envValue(environ, "LISTEN_FDS")
	if pid := envValue(environ, "LISTEN_PID"); count == "" || pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return l, nil
	}
	n, err := strconv.Atoi(count)
	names := strings.Split(envValue(environ, "LISTEN_FDNAMES"), ":")
	if err != nil || n < 0 || n != len(names) {
		return nil, fmt.Errorf("LISTEN_FDS=%s does not fit LISTEN_FDNAMES=%s: name every socket (FileDescriptorName= in its unit)", count, strings.Join(names, ":"))
	}
	for i, name := range names {
		l.inherited[name] = os.NewFile(uintptr(firstHandedDown+i), name)
	}
	return l, nil
}

// listen returns the listener called name, at address if none was handed down.
func (l *listeners) listen(name, address string) (net.Listener, error) {
	if f := l.inherited[name]; f != nil {
		delete(l.inherited, name)
		defer f.Close() // FileListener works on a copy
		ln, err := net.FileListener(f)
		if err != nil {
			return nil, fmt.Errorf("socket %s handed down: %w", name, err)
		}
		return ln, nil
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s port: %w; is another process running there?", name, err)
	}
	return ln, nil
}

// unused names what was handed down and not asked for.
func (l *listeners) unused() []string {
	var names []string
	for name := range l.inherited {
		names = append(names, name)
	}
	return names
}

func envValue(environ []string, name string) string {
	value := ""
	for _, entry := range environ {
		if v, ok := strings.CutPrefix(entry, name+"="); ok {
			value = v
		}
	}
	return value
}
