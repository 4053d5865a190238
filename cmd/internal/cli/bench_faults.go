package cli

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/raftmq/raftmq/bench"
	"github.com/raftmq/raftmq/console"
)

// faultTimeout bounds one fault.
const faultTimeout = 2 * time.Minute

// devFaults makes faults in a dev cluster. One goroutine makes them all.
type devFaults struct {
	dev   *dev
	flags *faultFlags
	down  string // the node that was killed, stopped or paused last
}

func (d *devFaults) fault(int) *bench.Fault {
	return &bench.Fault{Name: d.flags.action + " " + d.flags.on, Do: func(ctx context.Context) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, faultTimeout)
		defer cancel()
		if d.flags.action == "transfer" {
			return d.transfer(ctx)
		}
		id, err := d.dev.resolve(ctx, d.flags.on, d.flags.group)
		if err != nil {
			return "", err
		}
		d.down = id
		return captured(ctx, func(cmd *cobra.Command) error {
			switch d.flags.action {
			case "crash":
				return d.dev.crash(cmd, id)
			case "pause":
				return d.dev.kill(cmd, id, syscall.SIGSTOP)
			case "stop":
				return d.dev.kill(cmd, id, syscall.SIGTERM)
			}
			return d.dev.kill(cmd, id, syscall.SIGKILL)
		})
	}}
}

// heal lets the node go on that the last fault hit. A crashed one is started by its supervisor, and a transfer hits none.
func (d *devFaults) heal(int) *bench.Fault {
	name := map[string]string{"kill": "start", "stop": "start", "pause": "resume"}[d.flags.action]
	if name == "" {
		return nil
	}
	return &bench.Fault{Name: name, Do: func(ctx context.Context) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, faultTimeout)
		defer cancel()
		if d.down == "" {
			return "", fmt.Errorf("no node is down")
		}
		id := d.down
		d.down = ""
		return captured(ctx, func(cmd *cobra.Command) error {
			if d.flags.action == "pause" {
				return d.dev.kill(cmd, id, syscall.SIGCONT)
			}
			return d.dev.startAgain(ctx, cmd, id)
		})
	}}
}

func (d *devFaults) transfer(ctx context.Context) (string, error) {
	s := d.dev.status(ctx)
	leader := d.dev.leader(s, d.flags.group)
	if leader == nil {
		return "", fmt.Errorf("no leader to be found")
	}
	group := leader.Group
	if group == "" {
		group = d.dev.config.Brokers[0].Name
	}
	return "from " + leader.ID, console.Client{Address: leader.Admin}.Transfer(ctx, group, "")
}

// captured calls do with a command whose output is returned.
func captured(ctx context.Context, do func(*cobra.Command) error) (string, error) {
	var out bytes.Buffer
	cmd := &cobra.Command{}
	cmd.SetContext(ctx)
	cmd.SetOut(&out)
	err := do(cmd)
	return strings.TrimSpace(out.String()), err
}

// commandFault makes faults by running commands in turn.
func commandFault(commands []string) func(n int) *bench.Fault {
	return func(n int) *bench.Fault {
		if len(commands) == 0 {
			return nil
		}
		line := commands[n%len(commands)]
		return &bench.Fault{Name: line, Do: func(ctx context.Context) (string, error) {
			ctx, cancel := context.WithTimeout(ctx, faultTimeout)
			defer cancel()
			words, err := splitWords(line)
			if err != nil {
				return "", err
			}
			out, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput()
			text := strings.TrimSpace(string(out))
			return text[:min(len(text), 500)], err
		}}
	}
}

// splitWords splits a command at spaces that are not within quotes. There is no shell: nothing else has a meaning.
func splitWords(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	quote, inWord := rune(0), false
	for _, c := range line {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, inWord = c, true
		case quote == 0 && c == ' ':
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		default:
			word.WriteRune(c)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	if quote != 0 || len(words) == 0 {
		return nil, fmt.Errorf("command %q: it is empty, or a quote is not closed", line)
	}
	return words, nil
}
