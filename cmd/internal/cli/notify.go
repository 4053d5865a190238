package cli

import "net"

// notifier is the socket of systemd's Type=notify, "" without systemd (sd_notify(3)).
type notifier string

// ready and stopping tell systemd; that it cannot be told is not worth failing for.
func (n notifier) ready()    { n.send("READY=1") }
func (n notifier) stopping() { n.send("STOPPING=1") }

func (n notifier) send(state string) {
	if n == "" {
		return
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: string(n), Net: "unixgram"})
	if err != nil {
		return
	}
	defer c.Close()
	c.Write([]byte(state))
}
