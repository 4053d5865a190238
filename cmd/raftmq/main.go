// Command raftmq is a message broker for RocketMQ clients, its NameServer and its tools in one binary.
package main

import (
	"context"
	"os"

	"github.com/raftmq/raftmq/cmd/internal/cli"
)

func main() {
	cli.AbortOnPanic()
	os.Exit(cli.ExitCode(cli.Run(context.Background(), cli.Process())))
}
