package loadstate

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// LockDeltas keeps out other runs that load or undo deltas: those of the chain that a delta at l is
// in, or those above a full dump. Root is where the state of its load is. Shards share the lock.
func (l Location) LockDeltas(ctx context.Context, root string) (storage.Lock, error) {
	chain, _, ok := inChain(l.Dump)
	switch {
	case l.Number == 0 || !ok:
	case l.State != "":
		root = storage.Join(l.State, "chain.load")
	case storage.IsURL(chain):
		root = filepath.Join(Location{Dump: chain, ID: fmt.Sprintf("%x", sha256.Sum256([]byte(chain)))}.beside(), filepath.Base(root))
	default: // beside the states of its deltas
		root = filepath.Join(chain, "chain.load", filepath.Base(root))
	}
	store, err := storage.Create(ctx, storage.Join(root, "deltas"), storage.Options{BreakLock: l.BreakLock})
	if err != nil {
		return nil, journal.NoPlace(err)
	}
	if l.Shard.IsAll() {
		return store.Lock()
	}
	return store.LockShard(strconv.Itoa(l.Shard.Index))
}

// inChain returns the chain in which a delta is, and its number there; not ok: in none.
func inChain(dump string) (chain string, number int, ok bool) {
	return archive.ParseDeltaPath(storage.Abs(dump))
}
