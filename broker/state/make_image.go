package state

import (
	"crypto/sha256"
	"sync"

	"github.com/raftmq/raftmq/internal/offset"
)

// makeImage copies the database, which stands at the boundary index, to an image. A member can do without it, if need be for lack of space: the
// log stays longer, and others serve those that join.
func (s *State) makeImage(index offset.Index) {
	digest, err := s.copyImage(index)
	if err != nil {
		s.opts.Logger.Error("image not made", "index", index, "error", err)
	}
	s.digests.add(index, digest, err == nil)
}

func (s *State) copyImage(index offset.Index) (digest [sha256.Size]byte, err error) {
	w, err := s.host.CreateImage(index)
	if err != nil {
		return digest, err
	}
	if digest, err = s.db.writeImage(w, index); err != nil {
		w.Abort()
		return digest, err
	}
	return digest, w.Commit()
}

// digestsMax is how many digests of own images are remembered.
const digestsMax = 64

// digests remembers what came of the images that this member tried to make.
type digests struct {
	mu   sync.Mutex
	made map[offset.Index]imageMade
}

type imageMade struct {
	digest [sha256.Size]byte
	ok     bool
}

func (d *digests) add(index offset.Index, digest [sha256.Size]byte, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.made == nil {
		d.made = map[offset.Index]imageMade{}
	}
	d.made[index] = imageMade{digest, ok}
	for len(d.made) > digestsMax {
		oldest := index
		for i := range d.made {
			oldest = min(oldest, i)
		}
		delete(d.made, oldest)
	}
}

func (d *digests) missing(index offset.Index) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	m, tried := d.made[index]
	return tried && !m.ok
}

// BoundaryDigest returns the digest of the state at a boundary for which this member made an image since it started. Members compare them (design D17).
func (s *State) BoundaryDigest(index offset.Index) (digest [sha256.Size]byte, ok bool) {
	s.digests.mu.Lock()
	defer s.digests.mu.Unlock()
	m := s.digests.made[index]
	return m.digest, m.ok
}
