package loadstate

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/shard"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
)

// TestStates: the states that loads keep by default are found where they are, of a dump in a
// directory, in the working directory, and in a bucket.
func TestStates(t *testing.T) {
	t.Chdir(t.TempDir())
	const id = "0123456789abcdef0123456789abcdef"
	url := s3server.Start(t).URL("dumps/pika")
	for _, l := range []Location{
		{Dump: "dump", Target: "10.0.0.1:6666"}, {Dump: "dump/", Target: "[::1]:6666"}, {Dump: ".", Target: "a:1"},
		{Dump: url, ID: id, Target: "a:1"}, {Dump: url, ID: id, Target: "b:2", Shard: shard.Shard{Index: 0, Of: 2}},
	} {
		root := l.Root(nil)
		if !storage.IsURL(root) {
			if err := os.MkdirAll(root, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		store, err := storage.Open(t.Context(), root)
		if err != nil {
			t.Fatal(err)
		}
		if err := storage.WriteFile(store, "some.json", []byte("{}")); err != nil {
			t.Fatal(err)
		}
		if all, err := States(t.Context(), l.Dump, id); err != nil || !slices.Contains(all, root) {
			t.Errorf("of %s there are %q, %v, and not %s", l.Dump, all, err, root)
		}
	}
	if all, err := States(t.Context(), "another", id); err != nil || all != nil {
		t.Errorf("%q, %v", all, err)
	}
	if all, err := Below(t.Context(), filepath.Join("dump.load", "10.0.0.1_6666")); err != nil || all != nil {
		t.Errorf("%q, %v", all, err)
	}
}
