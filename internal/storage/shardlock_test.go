package storage

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
)

// TestLockShard: shares keep out those of their name and runs that are none, and are kept out by
// these; nothing is left over.
func TestLockShard(t *testing.T) {
	t.Run("directory", func(t *testing.T) {
		d, err := CreateDir(filepath.Join(t.TempDir(), "a[b"))
		if err != nil {
			t.Fatal(err)
		}
		testLockShard(t, d)
	})
	t.Run("bucket", func(t *testing.T) {
		s := s3server.Start(t)
		b, err := CreateBucket(t.Context(), s.URL("a/dump"), Options{Wait: wait})
		if err != nil {
			t.Fatal(err)
		}
		testLockShard(t, b)
		if left := s.Objects(t, "a/dump"); len(left) > 0 {
			t.Errorf("%v are left over", left)
		}
	})
}

func testLockShard(t *testing.T, s Store) {
	must := func(l Lock, err error) Lock {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	refused := func(l Lock, err error) {
		t.Helper()
		if !errors.Is(err, ErrLocked) {
			t.Fatalf("%v, %v", l, err)
		}
	}
	unlock := func(l Lock) {
		t.Helper()
		if err := errors.Join(l.Held(), l.Unlock()); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		first := must(s.LockShard("a"))
		refused(s.LockShard("a"))
		refused(s.Lock())
		second := must(s.LockShard("b"))
		unlock(first)
		refused(s.Lock())
		first = must(s.LockShard("a"))
		unlock(second)
		refused(s.Lock())
		unlock(first)
		all := must(s.Lock())
		refused(s.LockShard("a"))
		refused(s.Lock())
		if names, err := s.List(); err != nil || len(names) > 0 {
			t.Errorf("%v, %v", names, err)
		}
		unlock(all)
	}
}
