package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/raftmq/raftmq/config"
	"github.com/raftmq/raftmq/console"
)

const (
	adminDefault = "127.0.0.1:8082"
	// lookTimeout bounds a question to one admin port.
	lookTimeout = 2 * time.Second
)

// adminFlags say where the admin ports of a cluster are.
type adminFlags struct {
	settings  settings
	addresses []string
	dir       string
	tokenFile string
	group     string
	timeout   time.Duration
}

func (a *adminFlags) add(cmd *cobra.Command, env Environment) {
	a.settings.env = env
	a.settings.addFile(cmd)
	cmd.Flags().StringSliceVar(&a.addresses, "admin", nil, "`ADDRESSES` of admin ports, any of the cluster (default "+adminDefault+", or those of -c or --dir)")
	cmd.Flags().StringVar(&a.dir, "dir", "", "`DIRECTORY` of a dev cluster (default "+devDirDefault+" if it is there)")
	cmd.Flags().StringVar(&a.group, "group", "", "broker `GROUP`, if there are several")
	cmd.MarkFlagDirname("dir")
}

// addChange adds the flags of a command that changes something.
func (a *adminFlags) addChange(cmd *cobra.Command) {
	a.addToken(cmd)
	cmd.Flags().DurationVar(&a.timeout, "timeout", time.Minute, "how long to wait for the change")
}

func (a *adminFlags) addToken(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.tokenFile, "token-file", "", "`FILE` with the token of the admin port, needed from other machines")
}

// found is what the admin ports of a cluster answered.
type found struct {
	members []foundMember           // in order of group and node
	raft    map[string]console.Raft // group → the view of its leader, or of who answered
	silent  []string                // admin addresses that did not answer, with the reason
}

// foundMember is one member with the admin port at which it was found.
type foundMember struct {
	console.MemberView
	Admin string `json:"admin"`
	PID   int    `json:"pid"`
}

// known returns the admin addresses to begin with.
func (a *adminFlags) known(cmd *cobra.Command) ([]string, error) {
	if len(a.addresses) > 0 {
		return a.addresses, nil
	}
	file := a.settings.file
	if file == "" {
		dir := a.dir
		if dir == "" {
			dir = devDirDefault
		}
		d, err := openDev(dir)
		switch {
		case err == nil:
			file = d.file
		case a.dir != "" || !errors.Is(err, os.ErrNotExist):
			return nil, err
		default:
			return []string{adminDefault}, nil
		}
	}
	c, err := config.Load(config.Source{File: file})
	if err != nil {
		return nil, err
	}
	return adminAddresses(&c.Config), nil
}

func adminAddresses(c *config.Config) []string {
	var all []string
	for _, n := range c.Nodes() {
		all = append(all, c.DialAdmin(n))
	}
	return all
}

// look asks every admin port that is known or that a member names, each once.
func (a *adminFlags) look(cmd *cobra.Command) (*found, error) {
	start, err := a.known(cmd)
	if err != nil {
		return nil, err
	}
	f := lookAt(cmd.Context(), start)
	if len(f.members) == 0 {
		return nil, fmt.Errorf("no admin port answers:\n  %s\nname one with --admin HOST:PORT, a cluster file with -c, or a dev cluster with --dir", strings.Join(f.silent, "\n  "))
	}
	return f, nil
}

// lookAt asks the ports of start at the same time, then those that are learned from the answers.
func lookAt(ctx context.Context, start []string) *found {
	f := &found{raft: map[string]console.Raft{}}
	asked := map[string]bool{}
	for next := start; len(next) > 0; {
		answers := make([]portAnswer, len(next))
		var wg sync.WaitGroup
		for i, address := range next {
			asked[address] = true
			wg.Go(func() { answers[i] = ask(ctx, address) })
		}
		wg.Wait()
		next = nil
		for _, answer := range answers {
			for _, address := range f.learn(answer) {
				if address != "" && !asked[address] && !slices.Contains(next, address) {
					next = append(next, address)
				}
			}
		}
	}
	slices.SortStableFunc(f.members, func(x, y foundMember) int { return strings.Compare(x.Group+"/"+x.Node, y.Group+"/"+y.Node) })
	return f
}

type portAnswer struct {
	address string
	process console.Process
	raft    []console.Raft
	err     error
}

func ask(ctx context.Context, address string) portAnswer {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	client, a := console.Client{Address: address}, portAnswer{address: address}
	if a.process, a.err = client.Process(ctx); a.err != nil {
		return a
	}
	for _, m := range a.process.Members {
		r, err := client.Raft(ctx, m.Group)
		if err != nil {
			a.err = err
			return a
		}
		a.raft = append(a.raft, r)
	}
	return a
}

// learn takes in one answer and returns the admin addresses that it names.
func (f *found) learn(a portAnswer) []string {
	if a.err != nil {
		f.silent = append(f.silent, a.err.Error())
		return nil
	}
	var others []string
	for i, m := range a.process.Members {
		f.members = append(f.members, foundMember{MemberView: m, Admin: a.address, PID: a.process.PID})
		r := a.raft[i]
		if known, ok := f.raft[m.Group]; !ok || m.Role == "leader" && r.Term >= known.Term {
			f.raft[m.Group] = r
		}
		for _, p := range r.Members {
			others = append(others, p.Admin)
		}
	}
	return others
}

// groups are the names of the groups that were found, sorted.
func (f *found) groups() []string {
	var names []string
	for _, m := range f.members {
		if !slices.Contains(names, m.Group) {
			names = append(names, m.Group)
		}
	}
	return names
}

// leader is the serving leader of a group with the highest term, nil if none was found.
func (f *found) leader(group string) *foundMember {
	var best *foundMember
	for i := range f.members {
		if m := &f.members[i]; m.Group == group && m.Role == "leader" && (best == nil || m.Term > best.Term) {
			best = m
		}
	}
	return best
}

// theGroup is the group that the command is about.
func (a *adminFlags) theGroup(f *found) (string, error) {
	names := f.groups()
	switch {
	case a.group == "" && len(names) == 1:
		return names[0], nil
	case a.group == "":
		return "", usageError("which group? add --group %s", strings.Join(names, "|"))
	case !slices.Contains(names, a.group):
		return "", usageError("no member of broker group %q answers; there are: %s", a.group, strings.Join(names, ", "))
	}
	return a.group, nil
}

// onLeader finds the group and calls do with a client of its leader's admin port, or of any member, which names the leader.
func (a *adminFlags) onLeader(cmd *cobra.Command, do func(ctx context.Context, c console.Client, group string) error) error {
	token, err := config.Admin{TokenFile: a.tokenFile}.LoadToken()
	if err != nil {
		return err
	}
	f, err := a.look(cmd)
	if err != nil {
		return err
	}
	group, err := a.theGroup(f)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), a.timeout)
	defer cancel()
	at := f.leader(group)
	if at == nil {
		return unhealthyError("broker group %s has no leader; see: raftmq cluster status", group)
	}
	return do(ctx, console.Client{Address: at.Admin, Token: token}, group)
}
