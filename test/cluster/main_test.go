//go:build linux

package cluster

import (
	"flag"
	"os"
	"testing"
	"time"
)

var (
	histories   = flag.Int("histories", 1, "how many histories of random faults to run")
	seed        = flag.Uint64("seed", 1, "seed of the first one; the next ones count on")
	length      = flag.Duration("length", 12*time.Second, "how long the load of each lasts")
	runScripted = flag.Bool("scripted", false, "run the scripted cases: one fault each, with a record second by second")
	rots        = flag.Int("rot", 0, "how many cases of rot on one member to run")
	events      = flag.Int("events", 0, "how many events of each kind to measure the availability over")
	rows        = flag.String("rows", "", "file to which a line for each of them is appended")
	onlyRots    = flag.String("only", "", "regular expression of the cases of rot to run")
	tables      = flag.String("tables", "", "directory for the records of the scripted cases")
	schedule    = flag.String("schedule", "", "schedule.json of a history to run again")
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(Main(m))
}
