package dump

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
)

// TestChainLocked: no delta is made by comparing while another run makes deltas of the same chain.
func TestChainLocked(t *testing.T) {
	srv := smallpika.StartEmpty(t, pikasim.Options{})
	full, chain := newDir(t), filepath.Join(t.TempDir(), "chain")
	makeDump(t, srv.Addr(), full).ok(t)
	dir, err := storage.Create(t.Context(), chain, storage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	lock, err := dir.Lock()
	if err != nil {
		t.Fatal(err)
	}
	makeDump(t, srv.Addr(), archive.DeltaPath(chain, 1), since(full)).failed(t, storage.ErrLocked, "another run is at work")
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 2; n++ {
		makeDump(t, srv.Addr(), archive.DeltaPath(chain, n), since(full)).ok(t)
	}
}

// TestDeltaOfAnother: a chain has one base, and to give another is refused as by all that take one.
// Neither a delta nor a dump is made inside a dump.
func TestDeltaOfAnother(t *testing.T) {
	srv := smallpika.StartEmpty(t, pikasim.Options{})
	full, other, chain := newDir(t), newDir(t), filepath.Join(t.TempDir(), "chain")
	makeDump(t, srv.Addr(), full).ok(t)
	makeDump(t, srv.Addr(), other).ok(t)
	makeDump(t, srv.Addr(), archive.DeltaPath(chain, 1), since(full)).ok(t)
	r := makeDump(t, srv.Addr(), archive.DeltaPath(chain, 2), since(other))
	r.failed(t, archive.ErrBase, "this is not the base of the chain")
	if code := exitcode.Of(r.err, nil); code != exitcode.Refused {
		t.Errorf("exit code %d", code)
	}
	for _, place := range []string{filepath.Join(full, "chunks"), filepath.Join(full, "a", "000001"), filepath.Join(archive.DeltaPath(chain, 1), "chunks", "000001")} {
		makeDump(t, srv.Addr(), place).failed(t, archive.ErrInside, "inside a dump")
		makeDump(t, srv.Addr(), place, func(o *Options) { o.Resume = true }).failed(t, archive.ErrInside, "inside a dump")
		makeDump(t, srv.Addr(), place, since(full)).failed(t, archive.ErrInside, "inside a dump")
		if slices.Contains(files(t, place), "dump.json") {
			t.Errorf("something is in %s", place)
		}
	}
}
