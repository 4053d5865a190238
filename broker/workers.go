package broker

import (
	"context"
	"sync"
)

const (
	workerCount = 4
	workerQueue = 256
)

// workers do what may wait for a disk or takes long, off the connections' readers. The queue is bounded: when it is full the caller does
// the work itself, and its connection waits.
type workers struct{ jobs chan func() }

func newWorkers() *workers { return &workers{jobs: make(chan func(), workerQueue)} }

// take hands over a job; false if nobody is free to do it soon.
func (w *workers) take(job func()) bool {
	select {
	case w.jobs <- job:
		return true
	default:
		return false
	}
}

// run works until ctx ends and then does what is left, so that every request gets its answer.
func (w *workers) run(ctx context.Context) {
	var wg sync.WaitGroup
	for range workerCount {
		wg.Go(func() {
			for {
				select {
				case job := <-w.jobs:
					job()
				case <-ctx.Done():
					w.drain()
					return
				}
			}
		})
	}
	wg.Wait()
}

func (w *workers) drain() {
	for {
		select {
		case job := <-w.jobs:
			job()
		default:
			return
		}
	}
}
