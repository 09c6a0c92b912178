package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// ErrShardPlan: a division that cannot be meant.
var ErrShardPlan = errors.New("no division of keys into shares")

// MaxShards is into how many shares a dump can be divided.
const MaxShards = 1000

// A ShardPlan says which ranges of keys the shares of a dump are: the same for all types but
// streams, which no range lists: they are the first share's.
type ShardPlan struct {
	Shares    int                  `json:"shares"`
	Databases []DatabaseBoundaries `json:"databases"`
}

// DatabaseBoundaries are the first keys of all shares but the first, in order. Where two are the
// same, a share has no keys.
type DatabaseBoundaries struct {
	DB     int        `json:"db"`
	Bounds []Boundary `json:"bounds"`
}

// A Boundary is the first key of a share.
type Boundary struct {
	Key  []byte `json:"key"`            // base64
	Name string `json:"name,omitempty"` // for people
}

// NewBoundary returns the bound at a key.
func NewBoundary(key []byte) Boundary {
	return Boundary{append([]byte{}, key...), name(key)}
}

// ParseShardPlan reads what json.Marshal made of a ShardPlan.
func ParseShardPlan(data []byte) (*ShardPlan, error) {
	var d ShardPlan
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrShardPlan, err)
	}
	return &d, d.Check()
}

// Check returns ErrShardPlan unless there are bounds for each share, in order.
func (d *ShardPlan) Check() error {
	if d.Shares < 1 || d.Shares > MaxShards {
		return fmt.Errorf("%w: %d shares, not 1 to %d", ErrShardPlan, d.Shares, MaxShards)
	}
	last := -1
	for _, b := range d.Databases {
		if b.DB <= last || b.DB > format.MaxDatabase {
			return fmt.Errorf("%w: database %d is out of order, or there twice", ErrShardPlan, b.DB)
		}
		last = b.DB
		if len(b.Bounds) != d.Shares-1 {
			return fmt.Errorf("%w: %d bounds of db%d for %d shares, whose number is one more", ErrShardPlan, len(b.Bounds), b.DB, d.Shares)
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
	for _, b := range d.Databases {
		if b.DB == db {
			return true
		}
	}
	return false
}

// Range returns the keys of a share of one database and type, and false if it has none of them.
func (d *ShardPlan) Range(share, db int, t format.Type) (r Range, some bool) {
	if t == format.TypeStream {
		return r, share == 0
	}
	for _, b := range d.Databases {
		if b.DB != db {
			continue
		}
		if share > 0 {
			r.Start = b.Bounds[share-1].Key
		}
		if share < d.Shares-1 {
			r.End = b.Bounds[share].Key
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
