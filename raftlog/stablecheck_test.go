package raftlog

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestNoDamageOfTheStableStoreIsAVote flips bits of bytes that are not zero, clears every page, and cuts the file at every page and
// in the middle of each: the store is quarantined, or has the term and the vote that were stored.
func TestNoDamageOfTheStableStoreIsAVote(t *testing.T) {
	if raceDetector {
		t.Skip("a race build ends the process, beyond recovery, where bbolt follows an offset of a damaged page")
	}
	dir := t.TempDir()
	s := openTestStable(t, dir)
	for term := uint64(1); term <= 5; term++ { // the pages are used again and again
		if err := errors.Join(s.SetUint64([]byte(keyTerm), term), s.SetUint64([]byte(keyVoteTerm), term), s.Set([]byte(keyVoteCand), []byte("n1@29fefe786ef7"))); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	whole, err := os.ReadFile(filepath.Join(dir, stableFile))
	if err != nil {
		t.Fatal(err)
	}
	tried, quarantined, damaged := 0, 0, t.TempDir()
	try := func(what string, at int, content []byte) {
		t.Helper()
		tried++
		if err := os.WriteFile(filepath.Join(damaged, stableFile), content, 0o600); err != nil {
			t.Fatal(err)
		}
		if checkStableFile(filepath.Join(damaged, stableFile)) != nil {
			quarantined++ // what opening makes of it
			return
		}
		s, err := openStableStore(damaged, func(err error) { t.Error(err) })
		if err != nil {
			t.Errorf("%s at %d: %v", what, at, err)
			return
		}
		defer s.Close()
		term, _ := s.GetUint64([]byte(keyTerm))
		voted, _ := s.GetUint64([]byte(keyVoteTerm))
		candidate, _ := s.Get([]byte(keyVoteCand))
		if term != 5 || voted != 5 || string(candidate) != "n1@29fefe786ef7" {
			t.Errorf("%s at %d: term %d, vote %d for %q", what, at, term, voted, candidate)
		}
	}
	const page = 4096
	for at := 0; at < len(whole); at += page {
		content := append([]byte(nil), whole...)
		clear(content[at : at+page])
		try("page cleared", at, content)
		if at > 0 {
			try("cut", at, whole[:at])
		}
		try("cut", at+page/2, whole[:at+page/2])
	}
	for at := 0; at < len(whole); at += 11 {
		if whole[at] == 0 {
			continue
		}
		content := append([]byte(nil), whole...)
		content[at] ^= 1 << (at % 8)
		try("bit flipped", at, content)
	}
	t.Logf("sweep: %d corruptions of the stable store, %d quarantined", tried, quarantined)
	if quarantined < 50 {
		t.Error("that is too few")
	}
}

// A page that claims to go on for billions of pages, or a free list of billions, is refused before bbolt allocates for them.
func TestNoPageOfTheStableStoreClaimsMoreThanThereIs(t *testing.T) {
	dir := t.TempDir()
	s := openTestStable(t, dir)
	if err := s.SetUint64([]byte(keyTerm), 5); err != nil {
		t.Fatal(err)
	}
	s.Close()
	name := filepath.Join(dir, stableFile)
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkStableFile(name); err != nil {
		t.Fatal(err)
	}
	tried := 0
	for at := 0; at < len(whole); at += 4096 {
		if binary.NativeEndian.Uint64(whole[at:]) != uint64(at/4096) {
			continue
		}
		for what, harm := range map[string]func(page []byte){
			"overflow": func(page []byte) { binary.NativeEndian.PutUint32(page[pageOverflowAt:], 1<<31) },
			"free list": func(page []byte) {
				copy(page[pageFlagsAt:], []byte{pageFreelist, 0, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0})
			},
		} {
			tried++
			content := append([]byte(nil), whole...)
			harm(content[at:])
			if err := os.WriteFile(name, content, 0o600); err != nil {
				t.Fatal(err)
			}
			if checkStableFile(name) == nil {
				t.Errorf("%s of page %d is not found", what, at/4096)
			}
		}
	}
	if tried < 8 {
		t.Errorf("only %d pages were tried", tried)
	}
}
