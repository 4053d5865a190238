package commitlog

import "sync"

// ioLock is a lock that is held over I/O. Waiting for it is like waiting for the disk: in tests with virtual time the clock goes on
// meanwhile, which it does not while somebody waits for a sync.Mutex. The zero value is free.
type ioLock struct {
	mu   sync.Mutex
	free sync.Cond // held has become false
	held bool
}

func (l *ioLock) Lock() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.free.L = &l.mu; l.held; {
		l.free.Wait()
	}
	l.held = true
}

func (l *ioLock) Unlock() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = false
	l.free.Signal()
}
