package archive

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
)

// TestJoinUnconditional: where two shards could both write dump.json, shard 0 alone begins the
// dump.
func TestJoinUnconditional(t *testing.T) {
	server := s3server.Start(t)
	server.SetFault(func(r *http.Request) s3server.Fault {
		if r.Header.Get("If-None-Match") != "" {
			return s3server.Fault{Status: http.StatusNotImplemented}
		}
		return s3server.Fault{}
	})
	d := &ShardPlan{Shards: 2, Databases: []DatabaseBoundaries{{DB: 0, Bounds: []Boundary{NewBoundary([]byte("k"))}}}}
	src := format.Source{Address: "127.0.0.1:9221", Server: "pika", Version: "4.0.1", Role: "master", Databases: 1}
	info := format.NewInfo("test", time.Now(), src, format.Options{Databases: []int{0}, Types: format.Types, Scan: format.ScanRange})
	join := func(shard int) (*Writer, error) {
		return Join(t.Context(), server.URL("dump"), info, shard, d, Options{}, func(string) {})
	}
	if _, err := join(1); !errors.Is(err, storage.ErrLocked) {
		t.Fatalf("shard 1 begins: %v", err)
	}
	for shard := range 2 {
		w, err := join(shard)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
	}
	if left := server.Objects(t, "dump"); len(left) != 4 { // with both locks
		t.Errorf("there are %q", left)
	}
}

// TestJoinLost: a shard of a finished dump that has lost a file does not end as if all were well,
// and leaves the dump to --resume.
func TestJoinLost(t *testing.T) {
	w := begin(t, 1<<20, 0)
	w.Info.Options.Scan = format.ScanRange
	write(t, w, 0, format.TypeList, listRecord("l", format.PartFirst|format.PartLast, "a"))
	m := finish(t, w).Manifest
	dir, info := w.dir.Path(""), w.Info
	w.Close()
	d := &ShardPlan{Shards: 1, Databases: []DatabaseBoundaries{{DB: 0, Bounds: []Boundary{}}}}
	join := func() error {
		_, err := Join(t.Context(), dir, info, 0, d, Options{}, func(string) {})
		return err
	}
	if err := join(); !errors.Is(err, ErrFinished) {
		t.Fatal(err)
	}
	if err := w.dir.Remove(m.Chunks[0].Name); err != nil {
		t.Fatal(err)
	}
	if err := join(); !errors.As(err, new(*format.CorruptError)) {
		t.Error(err)
	}
	if there, err := storage.Exists(w.dir, format.ManifestName); !there {
		t.Error("the manifest was removed", err)
	}
}
