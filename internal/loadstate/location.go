package loadstate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/shard"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// Stream is the Location.Dump that stands for standard input.
const Stream = "-"

// second is how errors show a time.
const second = "2006-01-02 15:04:05 MST"

// A Location says which load is meant, and so where its state is.
type Location struct {
	Dump      string      // where the dump is: a directory, a URL or Stream
	ID        string      // of the dump; it may be empty until the dump is open
	Target    string      // the target's address
	State     string      // where the state is kept; empty: the default
	Number    int         // of a delta, whose state is below State; 0: it is a full dump
	Shard     shard.Shard // one of the load's shards; the zero value: the whole load
	BreakLock bool        // take over the lock of a run in a bucket that is known to be gone
}

// Root returns where the state is: beside the dump, by target; of a dump in a bucket or a stream in
// the working directory. The state of shards, which are on many machines, is beside the dump in a
// bucket, too. A load into a cluster may have been begun with another of its nodes as the address.
func (l Location) Root(nodes []string) string {
	if l.State != "" {
		if l.Number > 0 {
			return archive.DeltaPath(l.State, l.Number)
		}
		return l.State
	}
	parent := l.beside()
	own := filepath.Join(parent, TargetName(l.Target))
	if len(nodes) > 0 && l.Shard.IsAll() {
		if b, err := journal.ReadIdentity(own); err == nil && b.SharesNode(nodes) {
			return own
		}
		others, _ := os.ReadDir(parent)
		for _, other := range others {
			path := filepath.Join(parent, other.Name())
			if b, err := journal.ReadIdentity(path); err == nil && b.SharesNode(nodes) {
				return path
			}
		}
	}
	if storage.HasPrefix(l.Dump) && !l.Shard.IsAll() {
		return storage.Join(l.inBucket(), TargetName(l.Target))
	}
	return own
}

// AsNode is for Root and Find while nobody is connected to the target: its address may be that of
// another node of a cluster than the load was begun with.
func (l Location) AsNode() []string { return []string{"@" + l.Target} }

// beside is where the states of loads of the dump are by default; see inBucket.
func (l Location) beside() string {
	if storage.IsURL(l.Dump) || l.Dump == Stream {
		return "kvload-" + l.ID[:8] + ".load"
	}
	dump := filepath.Clean(l.Dump)
	if name := filepath.Base(dump); name == "." || name == ".." {
		if whole, err := filepath.Abs(dump); err == nil {
			dump = whole
		}
	}
	return dump + ".load"
}

// inBucket is where the states of loads in shards are, of a dump in a bucket.
func (l Location) inBucket() string {
	bucket, query, _ := strings.Cut(l.Dump, "?")
	return strings.TrimRight(bucket, "/") + ".load?" + query
}

// TargetName returns a target's address as the name of a directory.
func TargetName(addr string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`:/\[]%`, r) {
			return '_'
		}
		return r
	}, addr)
}

// OfOne returns where the state of the load into one target is: state, or of a load into several,
// whose states are below that by target, its own. Of what cannot be read it is state.
func OfOne(ctx context.Context, state, target string) string {
	if state == "" {
		return ""
	}
	store, err := storage.Open(ctx, state)
	if err != nil {
		return state
	}
	names, _ := store.List()
	own := TargetName(target) + "/"
	if slices.Contains(names, journal.Name) || slices.Contains(names, shardsName) ||
		!slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, own) }) {
		return state
	}
	return storage.Join(state, TargetName(target))
}

// Check refuses to put the state of shards, which names keys in clear, beside an encrypted dump in
// a bucket unless that is asked for: whoever can read the one can read the other.
func (l Location) Check(encrypted bool) error {
	if l.State != "" || l.Shard.IsAll() || !storage.IsURL(l.Dump) || !encrypted {
		return nil
	}
	return exitcode.Usagef("the dump in %s is encrypted, and --shard would keep its journal beside it in the bucket, where what is left out is listed by name, in clear: "+
		"say with --state where that may stand, a directory or a bucket that all shards see", l.Dump)
}

// Find returns where the state of a load is, and what its shards have in common; nil: it has none.
func (l Location) Find(ctx context.Context, nodes []string) (root string, s *Shards, err error) {
	if l.State == "" && storage.HasPrefix(l.Dump) {
		divided := l
		divided.Shard = shard.Shard{Index: 0, Of: 1}
		root = divided.Root(nodes)
		if s, err = openShards(ctx, root); err != nil || s != nil {
			return root, s, err
		}
	}
	root = l.Root(nodes)
	s, err = openShards(ctx, root)
	return root, s, err
}

// openThere opens a place that need not be there: then it is nil.
func openThere(ctx context.Context, location string) (storage.Store, error) {
	store, err := storage.Open(ctx, location)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return store, err
}

// openShards is readShards at a place that need not be there.
func openShards(ctx context.Context, root string) (*Shards, error) {
	store, err := openThere(ctx, root)
	if store == nil || err != nil {
		return nil, err
	}
	return readShards(store)
}

// Identity returns what a load is of, and where that is written; fs.ErrNotExist: it has not begun.
func (l Location) Identity(ctx context.Context) (root string, b journal.Identity, err error) {
	root, s, err := l.Find(ctx, l.AsNode())
	if err != nil {
		return root, b, err
	}
	if s != nil {
		return root, s.Identity, nil
	}
	if !storage.IsURL(root) {
		b, err = journal.ReadIdentity(root)
		return root, b, err
	}
	status, err := ReadStatus(ctx, root, nil)
	if id := status.Identity(); err == nil && id != nil {
		return root, *id, nil
	}
	return root, b, cmp.Or(err, error(fs.ErrNotExist))
}

// OpenJournal locks the journal of the load, or of its shard, below root.
func (l Location) OpenJournal(ctx context.Context, root string, o journal.Options) (*journal.Journal, error) {
	store, err := storage.Create(ctx, shardRoot(root, l.Shard), storage.Options{BreakLock: l.BreakLock})
	if err != nil {
		return nil, journal.NoPlace(err)
	}
	return journal.OpenStore(store, o)
}

// shardRoot returns where a shard keeps its journal below the state of all.
func shardRoot(root string, s shard.Shard) string {
	if s.IsAll() {
		return root
	}
	return storage.Join(root, fmt.Sprintf("shard-%04d-of-%04d", s.Index, s.Of))
}

// States returns where there may be states of loads of a dump that were not told where to keep
// them. Of a dump in a bucket, that is the working directory, and for loads in shards the bucket.
func States(ctx context.Context, dump, id string) ([]string, error) {
	l := Location{Dump: dump, ID: id}
	all, err := Below(ctx, l.beside())
	if err != nil || !storage.HasPrefix(dump) {
		return all, err
	}
	shards, err := Below(ctx, l.inBucket())
	return append(all, shards...), err
}

// Below returns the directories in a directory, or a prefix of a bucket, if that is there.
func Below(ctx context.Context, location string) (all []string, err error) {
	store, err := openThere(ctx, location)
	if store == nil || err != nil {
		return nil, err
	}
	names, err := store.List()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if dir, _, below := strings.Cut(name, "/"); below {
			all = append(all, storage.Join(location, dir))
		}
	}
	return slices.Compact(all), nil
}
