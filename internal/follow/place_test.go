package follow

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/dump"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// TestPlace: a dump is no place for a chain, and neither is a delta, nor what is in them at any
// depth.
func TestPlace(t *testing.T) {
	s := newStand(t, pikasim.Options{}, "SET a 1")
	smallpika.Send(t, s.Addr(), "SET a 2")
	if log, err := s.follow(t.Context(), once); err != nil {
		t.Fatal(err, log)
	}
	for _, place := range append(s.deltas(t), s.base) {
		if _, err := s.follow(t.Context(), once, func(o *Options) { o.Chain = place }); !errors.Is(err, reader.ErrRefused) {
			t.Errorf("%s: %v", place, err)
		}
		for _, below := range []string{"chunks", "chunks/db0/string", "chain", "a/b/c"} {
			below = filepath.Join(place, below)
			_, err := s.follow(t.Context(), once, func(o *Options) { o.Chain = below })
			left, _ := os.ReadDir(filepath.Join(below, "000001"))
			if !errors.Is(err, archive.ErrInside) || exitcode.Of(err, nil) != exitcode.Refused || left != nil {
				t.Errorf("%s: %v", below, err)
			}
		}
	}
}

// TestEncrypted: behind what is encrypted no delta is written in clear, unless that is asked for.
func TestEncrypted(t *testing.T) {
	s := newStand(t, pikasim.Options{}, "SET a 1")
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	keys := encryption.Keys{Recipients: []age.Recipient{id.Recipient()}, Identities: []age.Identity{id}}
	s.base = filepath.Join(t.TempDir(), "secret")
	s.dump(t, s.base, func(o *dump.Options) { o.Archive.Keys = keys })
	follow := func(k encryption.Keys) error {
		smallpika.Send(t, s.Addr(), "INCR a")
		_, err := s.follow(t.Context(), once, func(o *Options) { o.Archive.Keys = k })
		return err
	}
	unasked, plain := encryption.Keys{Identities: keys.Identities}, encryption.Keys{Identities: keys.Identities, Plain: true}
	for i := range 2 {
		if err := follow(unasked); exitcode.Of(err, nil) != exitcode.Usage {
			t.Errorf("%d: %v", i, err)
		}
		if err := follow([]encryption.Keys{keys, plain}[i]); err != nil {
			t.Error(err)
		}
	}
	for i, encrypted := range []bool{true, false} {
		if m, err := archive.ReadMember(t.Context(), s.chain, i+1, id); err != nil || !m.Finished || m.Encrypted != encrypted {
			t.Errorf("%+v, %v", m, err)
		}
	}
}

// TestRefusedLeavesNothing: a run that is refused leaves no directory behind that it has made, and
// does not remove one that was there.
func TestRefusedLeavesNothing(t *testing.T) {
	s := newStand(t, pikasim.Options{}, "SET a 1")
	there := t.TempDir()
	other, err := pikasim.Start(pikasim.Options{Version: pikasim.V340})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for _, chain := range []string{filepath.Join(there, "a", "b"), there} {
		if _, err := s.follow(t.Context(), once, func(o *Options) { o.Chain, o.Reader.Addr = chain, other.Addr() }); !errors.Is(err, reader.ErrRefused) {
			t.Error(err)
		}
		if left, err := os.ReadDir(there); err != nil || len(left) > 0 {
			t.Errorf("%v, %v", left, err)
		}
	}
}
