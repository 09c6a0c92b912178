package loadstate

import (
	"context"
	"errors"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/shard"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// TestJoin: of two shards that begin at once one says what they have in common; the other believes
// it, also if it has seen what the first has loaded already.
func TestJoin(t *testing.T) {
	root, err := storage.CreateDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	refused := errors.New("it holds keys")
	b := journal.Identity{Dump: "d", Address: "a:1", Settings: map[string]string{"--on-exists": "fail"}}
	if _, err := join(t.Context(), root, b, shard.Shard{Index: 0, Of: 2}, func(context.Context) (bool, error) { return false, refused }); !errors.Is(err, refused) {
		t.Fatalf("not empty, and nobody has begun: %v", err)
	}
	for _, seen := range []error{nil, refused} {
		var first *Shards
		second, err := join(t.Context(), root, b, shard.Shard{Index: 1, Of: 2}, func(ctx context.Context) (bool, error) {
			var err error
			first, err = join(ctx, root, b, shard.Shard{Index: 0, Of: 2}, func(context.Context) (bool, error) { return true, nil })
			if err != nil {
				t.Error(err)
			}
			return seen == nil, seen
		})
		if err != nil || second.ID != first.ID || !second.Empty {
			t.Fatalf("%v: %+v, %+v", err, first, second)
		}
		other := b
		other.Dump = "e"
		if _, err := join(t.Context(), root, other, shard.Shard{Index: 1, Of: 2}, nil); !errors.Is(err, journal.ErrDiffers) {
			t.Errorf("of another dump: %v", err)
		}
		if names, err := root.List(); err != nil || len(names) != 1 {
			t.Errorf("%v, %v", names, err)
		}
		data, err := storage.ReadFile(root, shardsName, maxShards)
		if err := errors.Join(err, root.Remove(shardsName), storage.WriteFile(root, shardsName, append(data, data...))); err != nil {
			t.Fatal(err)
		}
		if _, err := join(t.Context(), root, b, shard.Shard{Index: 1, Of: 2}, nil); !errors.Is(err, journal.ErrDamaged) {
			t.Errorf("there twice: %v", err)
		}
		if err := root.Remove(shardsName); err != nil {
			t.Fatal(err)
		}
	}
}
