package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// ErrShardPlan: a division that cannot be meant.
var ErrShardPlan = errors.New("no division of keys into shards")

// MaxShards is into how many shards a dump can be divided.
const MaxShards = 1000

// A ShardPlan says which ranges of keys the shards of a dump are: the same for all types but
// streams, which no range lists: they are the first shard's.
type ShardPlan struct {
	Shards    int                  `json:"shares"`
	Databases []DatabaseBoundaries `json:"databases"`
}

// DatabaseBoundaries are the first keys of all shards but the first, in order. Where two are the
// same, a shard has no keys.
type DatabaseBoundaries struct {
	DB     int        `json:"db"`
	Bounds []Boundary `json:"bounds"`
}

// A Boundary is the first key of a shard.
type Boundary struct {
	Key  []byte `json:"key"`            // base64
	Name string `json:"name,omitempty"` // for people
}

// NewBoundary returns the bound at a key.
func NewBoundary(key []byte) Boundary { return Boundary{append([]byte{}, key...), name(key)} }

// ParseShardPlan reads what json.Marshal made of a ShardPlan.
func ParseShardPlan(data []byte) (*ShardPlan, error) {
	var d ShardPlan
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrShardPlan, err)
	}
	return &d, d.Check()
}

// Check returns ErrShardPlan unless there are bounds for each shard, in order.
func (d *ShardPlan) Check() error {
	if d.Shards < 1 || d.Shards > MaxShards {
		return fmt.Errorf("%w: %d shards, not 1 to %d", ErrShardPlan, d.Shards, MaxShards)
	}
	last := -1
	for _, b := range d.Databases {
		if b.DB <= last || b.DB > format.MaxDatabase {
			return fmt.Errorf("%w: database %d is out of order, or there twice", ErrShardPlan, b.DB)
		}
		last = b.DB
		if len(b.Bounds) != d.Shards-1 {
			return fmt.Errorf("%w: %d bounds of db%d for %d shards, whose number is one more", ErrShardPlan, len(b.Bounds), b.DB, d.Shards)
		}
		for i, k := range b.Bounds {
			if k.Key == nil {
				return fmt.Errorf("%w: bound %d of db%d has no key", ErrShardPlan, i, b.DB)
			}
			if len(k.Key) > format.MaxBulk {
				return fmt.Errorf("%w: a bound of db%d has %d bytes: %w", ErrShardPlan, b.DB, len(k.Key), format.ErrLimit)
			}
			if i > 0 && bytes.Compare(k.Key, b.Bounds[i-1].Key) < 0 {
				return fmt.Errorf("%w: bound %d of db%d lies before the one before", ErrShardPlan, i, b.DB)
			}
		}
	}
	return nil
}

// Has reports whether the database is divided.
func (d *ShardPlan) Has(db int) bool {
	return slices.ContainsFunc(d.Databases, func(b DatabaseBoundaries) bool { return b.DB == db })
}

// Range returns the keys of a shard of one database and type, and false if it has none of them.
func (d *ShardPlan) Range(shard, db int, t format.Type) (r Range, some bool) {
	if t == format.TypeStream {
		return r, shard == 0
	}
	for _, b := range d.Databases {
		if b.DB != db {
			continue
		}
		if shard > 0 {
			r.Start = b.Bounds[shard-1].Key
		}
		if shard < d.Shards-1 {
			r.End = b.Bounds[shard].Key
		}
		return r, r.End == nil || bytes.Compare(r.Start, r.End) < 0
	}
	return r, false
}

// String shows the names of the bounds.
func (b DatabaseBoundaries) String() string {
	var names []string
	for _, k := range b.Bounds {
		names = append(names, fmt.Sprintf("%.60s", k.Name))
	}
	return strings.Join(names, " ")
}
