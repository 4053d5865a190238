package raftlog

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"sync"

	"github.com/raftmq/raftmq/internal/vfs"
	"github.com/raftmq/raftmq/raftlog/commitlog"
)

const (
	lockFile     = "LOCK"
	identityFile = "meta"
)

// identity says whose files a directory holds (design D14). It is made at first start and changes only in Group UUID (once),
// Founding and Addresses.
type identity struct {
	Version  int
	Name     string
	Group    string
	Instance hexUUID // of this member; a wiped directory gets another
	// UUID is the group's; zero until the group was founded or this member was handed it.
	UUID     hexUUID
	ListHash string // of the peer list under which the group was founded or joined
	// Founding: this member is bootstrapping the group and has not yet written the first entry.
	Founding bool
	// Founders are the first members, once all of them have made the group's UUID durable.
	Founders []ServerID
	// Addresses are those of members that no configuration names: added at runtime, or heard of in a handshake.
	Addresses map[ServerID]string
}

func (id *identity) serverID() ServerID { return newServerID(id.Name, commitlog.UUID(id.Instance)) }

func (id *identity) group() commitlog.UUID { return commitlog.UUID(id.UUID) }

func (id *identity) hasGroup() bool { return id.UUID != hexUUID{} }

// hexUUID is a UUID that is stored as hex digits.
type hexUUID commitlog.UUID

func (u hexUUID) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, u[:]), nil }

func (u *hexUUID) UnmarshalText(b []byte) error {
	d, err := hex.DecodeString(string(b))
	if err == nil && len(d) != len(u) {
		err = fmt.Errorf("UUID of %d bytes", len(d))
	}
	copy(u[:], d)
	return err
}

// directory is a locked data directory and the identity stored in it.
type directory struct {
	fs   vfs.FS
	dir  string
	lock io.Closer

	mu sync.Mutex
	id identity // replaced whole; its map is never changed in place
}

// openDirectory locks o.Dir and reads its identity, or makes one if the directory is new.
func openDirectory(o *Options) (*directory, error) {
	if err := mkdirDurably(o.FS, o.Dir); err != nil {
		return nil, err
	}
	lock, err := o.FS.Lock(path.Join(o.Dir, lockFile))
	if err != nil {
		return nil, fmt.Errorf("directory %s is in use by another process: %w", o.Dir, err)
	}
	d := &directory{fs: o.FS, dir: o.Dir, lock: lock}
	err = d.load(o)
	if err == nil {
		err = d.checkQuarantine()
	}
	if err != nil {
		lock.Close()
		return nil, err
	}
	return d, nil
}

func (d *directory) load(o *Options) error {
	content, ok, err := readSmallFile(d.fs, path.Join(d.dir, identityFile))
	switch {
	case errors.Is(err, errDamagedFile):
		return fmt.Errorf("%w: %w", ErrQuarantined, err)
	case err != nil:
		return err
	case !ok:
		return d.create(o)
	}
	if err := json.Unmarshal(content, &d.id); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrQuarantined, identityFile, err)
	}
	if d.id.Version != 1 {
		return fmt.Errorf("%s: %s has version %d, this program knows 1", d.dir, identityFile, d.id.Version)
	}
	if d.id.Name != o.Name || d.id.Group != o.Group {
		return fmt.Errorf("%w: directory %s belongs to member %s of group %s, not to %s of %s", ErrQuarantined, d.dir, d.id.Name, d.id.Group, o.Name, o.Group)
	}
	return nil
}

// create makes the identity of a new instance. A directory that holds data but no identity is not ours to use.
func (d *directory) create(o *Options) error {
	for _, name := range []string{logDir, imagesDir} {
		if names, err := d.fs.List(path.Join(d.dir, name)); err == nil && len(names) > 0 {
			return fmt.Errorf("%w: %s has %s but no %s", ErrQuarantined, d.dir, name, identityFile)
		}
	}
	return d.update(func(id *identity) error {
		*id = identity{Version: 1, Name: o.Name, Group: o.Group, Instance: newUUID()}
		return nil
	})
}

// identity returns the current one.
func (d *directory) identity() identity {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.id
}

// update changes the identity durably; in memory only once it is on disk. An error of change leaves it as it is.
func (d *directory) update(change func(id *identity) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := d.id
	next.Addresses = maps.Clone(d.id.Addresses)
	if err := change(&next); err != nil {
		return err
	}
	content, err := json.MarshalIndent(&next, "", "  ")
	if err != nil {
		return err
	}
	if err := writeSmallFile(d.fs, path.Join(d.dir, identityFile), content); err != nil {
		return fmt.Errorf("%s: %w", identityFile, err)
	}
	d.id = next
	return nil
}

func (d *directory) Close() error { return d.lock.Close() }

func newUUID() hexUUID {
	var u hexUUID
	rand.Read(u[:]) // never fails
	return u
}

// listHash is what all members of a list must agree on before a group is founded: names in order. Addresses are no part of
// it, they may be spelt differently on different hosts.
func listHash(peers []Peer) string {
	h := sha256.New()
	for _, p := range peers {
		fmt.Fprintf(h, "%d:%s,", len(p.Name), p.Name)
	}
	return hex.EncodeToString(h.Sum(nil))
}
