package dump

import (
	"path/filepath"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
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
