// Record relays connections and stores one frame of each kind as a golden file when it is asked to end.
//
//	record -out DIR -origin TEXT -relay 127.0.0.1:19877=127.0.0.1:19876 -relay 127.0.0.2:19886=127.0.0.1:19886
//
// scripts/golden.sh shows how to make a broker advertise the relay's address.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/raftmq/raftmq/test/compat/internal/record"
)

func main() {
	var relays []string
	out := flag.String("out", "", "directory for the golden files")
	origin := flag.String("origin", "", "which programs talk, with versions")
	flag.Func("relay", "LISTEN=TARGET, may be repeated", func(s string) error {
		relays = append(relays, s)
		return nil
	})
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *out, *origin, relays); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out, origin string, relays []string) error {
	if out == "" || origin == "" || len(relays) == 0 {
		return errors.New("-out, -origin and at least one -relay are needed")
	}
	book := record.NewBook()
	var open sync.WaitGroup
	for _, text := range relays {
		listen, target, ok := strings.Cut(text, "=")
		if !ok {
			return fmt.Errorf("-relay %q is not LISTEN=TARGET", text)
		}
		ln, err := net.Listen("tcp", listen)
		if err != nil {
			return err
		}
		relay := record.Relay{Listener: ln, Target: target, Book: book}
		open.Go(func() { relay.Run(ctx) })
	}
	fmt.Println("ready")
	<-ctx.Done()
	open.Wait()
	n, err := record.Write(out, origin, book)
	fmt.Printf("%d frames in %s\n", n, out)
	return err
}
