package loadstate

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/shard"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// shardsName is the file in the state that the shards of a load have in common.
const shardsName = "load.json"

// maxShards bounds its size.
const maxShards = 8 << 20

// Shards is what the shards of a load have in common. The first shard to start writes it, after it
// has seen what was on the target before: the others find its keys there.
type Shards struct {
	Version          int       `json:"version"`
	ID               string    `json:"id"` // random
	Count            int       `json:"shares"`
	Began            time.Time `json:"began"`
	Empty            bool      `json:"empty"` // the target was seen to be empty
	journal.Identity           // without the shard
}

const shardsVersion = 1

// readShards returns what the shards in a store have in common; nil: there are none.
func readShards(root storage.Store) (*Shards, error) {
	data, err := storage.ReadFile(root, shardsName, maxShards)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := &Shards{}
	if err := json.Unmarshal(data, s); err != nil || s.Count < 1 || s.Count > shard.Max || s.ID == "" {
		return nil, fmt.Errorf("%w: %s is damaged; remove what is in %s, and load again with --on-exists replace", journal.ErrDamaged, root.Path(shardsName), root.Path(""))
	}
	if s.Version != shardsVersion {
		return nil, fmt.Errorf("%w: the version of %s is %d, this tool knows %d", journal.ErrDamaged, root.Path(shardsName), s.Version, shardsVersion)
	}
	return s, nil
}

// check compares it with a run at hand.
func (s *Shards) check(b journal.Identity, at shard.Shard, root string) error {
	if !at.IsAll() && at.Of != s.Count {
		return fmt.Errorf("%w: the load in %s was begun in %d shards, and this is one of %d; give what it was begun with, or another place with --state",
			journal.ErrDiffers, root, s.Count, at.Of)
	}
	return b.Check(s.Identity, root)
}

// All returns all shards.
func (s *Shards) All() (all []shard.Shard) {
	for i := range s.Count {
		all = append(all, shard.Shard{Index: i, Of: s.Count})
	}
	return all
}

// IdentityOf returns the binding of the journal of a shard.
func (s *Shards) IdentityOf(at shard.Shard) journal.Identity {
	b := s.Identity
	b.Load, b.Settings = s.ID, maps.Clone(b.Settings)
	b.Settings["--shard"] = at.String()
	return b
}

// Common returns what the shards of the load that b is of have in common.
func Common(b journal.Identity) journal.Identity {
	b.Settings = maps.Clone(b.Settings)
	delete(b.Settings, "--shard")
	return b
}

// join returns what the shards have in common, and writes it if none has yet. Look sees whether the
// target is empty, and refuses one that must be and is not.
func join(ctx context.Context, root storage.Store, b journal.Identity, at shard.Shard, look func(context.Context) (empty bool, err error)) (*Shards, error) {
	s, err := readShards(root)
	if err != nil {
		return nil, err
	}
	if s == nil {
		empty, refused := look(ctx)
		if refused == nil {
			s = &Shards{Version: shardsVersion, ID: rand.Text(), Count: at.Of, Began: time.Now().UTC().Truncate(time.Millisecond), Empty: empty, Identity: b}
			data, err := json.Marshal(s)
			if err == nil {
				err = storage.WriteOnce(root, shardsName, append(data, '\n'))
			}
			if err == nil {
				return s, nil
			}
			if !errors.Is(err, fs.ErrExist) {
				return nil, journal.NoPlace(err)
			}
		}
		// Another shard was faster. What it has loaded is there only after it has written this.
		if s, err = readShards(root); err != nil || s == nil {
			return nil, errors.Join(refused, err)
		}
	}
	return s, s.check(b, at, root.Path(""))
}

// Forget removes what the shards have in common once all are undone: the next load begins anew.
func (s *Shards) Forget(ctx context.Context, root string) error {
	status, err := ReadStatus(ctx, root, s)
	if err != nil {
		return err
	}
	for _, p := range status.Shards {
		if p.Journal.Undone().IsZero() {
			return nil
		}
	}
	store, err := storage.Open(ctx, root)
	if err == nil {
		err = store.Remove(shardsName)
	}
	if errors.Is(err, fs.ErrNotExist) { // another shard was faster
		return nil
	}
	return err
}

// AssignUnits returns the units of a shard: the largest first, each goes to the shard that has the
// fewest bytes so far. It depends on nothing but the units.
func AssignUnits(s shard.Shard, units []archive.Unit) []archive.Unit {
	if s.IsAll() {
		return units
	}
	sorted := slices.Clone(units)
	slices.SortFunc(sorted, func(x, y archive.Unit) int {
		return cmp.Or(cmp.Compare(y.Stored(), x.Stored()), cmp.Compare(x[0].Name, y[0].Name))
	})
	var own []archive.Unit
	bytes := make([]int64, s.Of)
	for _, u := range sorted {
		least := slices.Index(bytes, slices.Min(bytes))
		bytes[least] += u.Stored()
		if least == s.Index {
			own = append(own, u)
		}
	}
	return own
}

// Stored returns the bytes of the units' files.
func Stored(units []archive.Unit) (n int64) {
	for _, u := range units {
		n += u.Stored()
	}
	return n
}
