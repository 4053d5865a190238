//go:build linux

package cluster

import (
	"errors"
	"fmt"
	"time"
)

// faults are all kinds. Each makes the fault at node n, waits for hold, and puts right what a person would put right: it starts what is dead,
// heals the network, mends the disk. It does not wait until the cluster is healthy.
var faults = map[string]func(c *Cluster, n *Node, hold time.Duration) error{
	"kill":          kill,
	"term":          terminate,
	"pause":         pause,
	"storm":         storm,
	"cut":           cut,
	"cut-in":        cutIn,
	"cut-out":       cutOut,
	"bridge":        bridge,
	"delay":         delay,
	"loss":          lose,
	"no-nameserver": killNameServer,
	"power":         power,
	"power-all":     powerAll,
	"full":          fill,
	"hang":          hang,
	"bad-writes":    failWrites,
}

// Do makes one fault and ends it.
func (c *Cluster) Do(f Fault) error {
	n := c.target(f.Target)
	if err := faults[f.Kind](c, n, f.For); err != nil {
		return fmt.Errorf("%s of %s: %w", f.Kind, n.Name, err)
	}
	return nil
}

func (c *Cluster) target(name string) *Node {
	leader := c.Leader()
	for _, n := range c.Nodes {
		if name == n.Name || name == "leader" && n == leader || name == "follower" && n != leader {
			return n
		}
	}
	return c.Nodes[0] // nobody leads at the moment
}

func wait(d time.Duration) { time.Sleep(d) }

// kill is kill -9. The machine lives on, so that others are refused when they dial.
func kill(_ *Cluster, n *Node, hold time.Duration) error {
	if err := n.Kill(); err != nil {
		return err
	}
	wait(hold)
	return n.Start()
}

// terminate is a planned stop.
func terminate(_ *Cluster, n *Node, hold time.Duration) error {
	code, err := n.Terminate()
	if err == nil && code != 0 {
		err = fmt.Errorf("exit code %d after SIGTERM", code)
	}
	if err != nil {
		return err
	}
	wait(hold)
	return n.Start()
}

func pause(_ *Cluster, n *Node, hold time.Duration) error {
	if err := n.Pause(); err != nil {
		return err
	}
	wait(hold)
	return n.Resume()
}

// storm kills the process again and again, also while it starts.
func storm(_ *Cluster, n *Node, hold time.Duration) error {
	for end := time.Now().Add(hold); time.Now().Before(end); {
		if err := errors.Join(n.Kill(), n.Start()); err != nil {
			return err
		}
		wait(hold / 8)
	}
	return nil
}

// cut cuts the node off from everybody, clients too.
func cut(c *Cluster, n *Node, hold time.Duration) error {
	c.isolate(n)
	wait(hold)
	c.rejoin(n)
	return nil
}

// cutIn lets the node send to the other members, and nothing comes back from them.
func cutIn(c *Cluster, n *Node, hold time.Duration) error {
	for _, m := range c.Followers(n) {
		c.net.Set(m.Host, n.Host, Link{Cut: true})
	}
	wait(hold)
	c.net.Heal()
	return nil
}

// cutOut lets the node hear the other members, which do not hear it.
func cutOut(c *Cluster, n *Node, hold time.Duration) error {
	for _, m := range c.Followers(n) {
		c.net.Set(n.Host, m.Host, Link{Cut: true})
	}
	wait(hold)
	c.net.Heal()
	return nil
}

// bridge cuts the node off from one other member; the third one reaches both.
func bridge(c *Cluster, n *Node, hold time.Duration) error {
	c.net.SetBoth(n.Host, c.Followers(n)[0].Host, Link{Cut: true})
	wait(hold)
	c.net.Heal()
	return nil
}

func (c *Cluster) degrade(n *Node, hold time.Duration, l Link) error {
	for _, h := range c.hosts() {
		c.net.SetBoth(n.Host, h, l)
	}
	wait(hold)
	c.net.Heal()
	return nil
}

func delay(c *Cluster, n *Node, hold time.Duration) error {
	return c.degrade(n, hold, Link{Delay: 60 * time.Millisecond, Jitter: 40 * time.Millisecond})
}

func lose(c *Cluster, n *Node, hold time.Duration) error {
	return c.degrade(n, hold, Link{Loss: 0.1})
}

// killNameServer kills the first NameServer, which comes back empty.
func killNameServer(c *Cluster, _ *Node, hold time.Duration) error {
	s := c.nameServers[0]
	if err := s.process.signal(9); err != nil {
		return err
	}
	if _, err := s.process.wait(10 * time.Second); err != nil {
		return err
	}
	wait(hold)
	var err error
	s.process, err = run(s.Host, c.logOf(s.Name), "namesrv", "-c", c.file)
	return err
}

func power(_ *Cluster, n *Node, hold time.Duration) error {
	if err := n.PowerCut(); err != nil {
		return err
	}
	wait(hold)
	return n.PowerOn()
}

// powerAll takes the power from all nodes within milliseconds.
func powerAll(c *Cluster, _ *Node, hold time.Duration) error {
	var errs []error
	for _, n := range c.Nodes {
		errs = append(errs, n.PowerCut())
	}
	wait(hold)
	for _, n := range c.Nodes {
		errs = append(errs, n.PowerOn())
	}
	return errors.Join(errs...)
}

// fill leaves no byte on the disk, then makes room again.
func fill(_ *Cluster, n *Node, hold time.Duration) error {
	if err := n.Disk.Fill(0); err != nil {
		return err
	}
	wait(hold)
	return n.Disk.Empty()
}

// hang makes every write of the node hang.
func hang(_ *Cluster, n *Node, hold time.Duration) error {
	if err := n.Disk.Freeze(hold + 10*time.Second); err != nil {
		return err
	}
	wait(hold)
	return n.Disk.Thaw()
}

// failWrites makes the device fail writes. The broker must end by itself, and not go on with what it cannot know to be on disk; when the disk
// is mended it starts again.
func failWrites(_ *Cluster, n *Node, hold time.Duration) error {
	if err := n.Disk.Fail(); err != nil {
		return err
	}
	code, err := n.process.wait(hold + 10*time.Second)
	if err == nil && code == 0 {
		err = errors.New("the broker ended as if all was well")
	}
	if err != nil {
		return err
	}
	if err := errors.Join(n.Disk.Mend(), n.Remount()); err != nil {
		return err
	}
	return n.Start()
}
