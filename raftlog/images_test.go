package raftlog

import (
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/raftmq/raftmq/internal/vfs"
)

// Images of which none is whole are as good as none: whether the log does without them, the state decides (found by test/sim, H-rot 19:
// with a damaged state.db such a member started for ever, though its log went back to the first entry).
func TestImagesWithoutAWholeOneAreNone(t *testing.T) {
	fsys := vfs.NewMem()
	for _, index := range []string{imageName(5), imageName(9)} {
		if err := fsys.MkdirAll("/m/images/" + index); err != nil {
			t.Fatal(err)
		}
	}
	s, err := openImageStore(&Options{FS: fsys, Dir: "/m"}, nil, nil, hclog.NewNullLogger())
	if err != nil || len(s.list()) != 2 {
		t.Fatalf("%v, %v", s.list(), err)
	}
	if image, ok, err := s.newest(); image != nil || ok || err != nil {
		t.Errorf("%v, %v, %v", image, ok, err)
	}
}
