package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// ErrDivision: a division that cannot be meant.
var ErrDivision = errors.New("no division of keys into shares")

// MaxShares is into how many shares a dump can be divided.
const MaxShares = 1000

// A Division says which ranges of keys the shares of a dump are: the same for all types but streams, which no
// range lists: they are the first share's.
type Division struct {
	Shares    int              `json:"shares"`
	Databases []DatabaseBounds `json:"databases"`
}

// DatabaseBounds are the first keys of all shares but the first, in order. Where two are the same, a share has no keys.
type DatabaseBounds struct {
	DB     int     `json:"db"`
	Bounds []Bound `json:"bounds"`
}

// A Bound is the first key of a share.
type Bound struct {
	Key  []byte `json:"key"`            // base64
	Name string `json:"name,omitempty"` // for people
}

// NewBound returns the bound at a key.
func NewBound(key []byte) Bound {
	return Bound{append([]byte{}, key...), name(key)}
}

// ParseDivision reads what json.Marshal made of a Division.
func ParseDivision(data []byte) (*Division, error) {
	var d Division
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDivision, err)
	}
	return &d, d.Check()
}

// Check returns ErrDivision unless there are bounds for each share, in order.
func (d *Division) Check() error {
	if d.Shares < 1 || d.Shares > MaxShares {
		return fmt.Errorf("%w: %d shares, not 1 to %d", ErrDivision, d.Shares, MaxShares)
	}
	last := -1
	for _, b := range d.Databases {
		if b.DB <= last || b.DB > format.MaxDatabase {
			return fmt.Errorf("%w: database %d is out of order, or there twice", ErrDivision, b.DB)
		}
		last = b.DB
		if len(b.Bounds) != d.Shares-1 {
			return fmt.Errorf("%w: %d bounds of db%d for %d shares, whose number is one more", ErrDivision, len(b.Bounds), b.DB, d.Shares)
		}
		for i, k := range b.Bounds {
			if k.Key == nil {
				return fmt.Errorf("%w: bound %d of db%d has no key", ErrDivision, i, b.DB)
			}
			if len(k.Key) > format.MaxBulk {
				return fmt.Errorf("%w: a bound of db%d has %d bytes: %w", ErrDivision, b.DB, len(k.Key), format.ErrLimit)
			}
			if i > 0 && bytes.Compare(k.Key, b.Bounds[i-1].Key) < 0 {
				return fmt.Errorf("%w: bound %d of db%d lies before the one before", ErrDivision, i, b.DB)
			}
		}
	}
	return nil
}

// Has reports whether the database is divided.
func (d *Division) Has(db int) bool {
	for _, b := range d.Databases {
		if b.DB == db {
			return true
		}
	}
	return false
}

// Range returns the keys of a share of one database and type, and false if it has none of them.
func (d *Division) Range(share, db int, t format.Type) (r Range, some bool) {
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

// Within returns what of r lies in o, and false if nothing does.
func (r Range) Within(o Range) (Range, bool) {
	if bytes.Compare(r.Start, o.Start) < 0 {
		r.Start = o.Start
	}
	if r.End == nil || o.End != nil && bytes.Compare(o.End, r.End) < 0 {
		r.End = o.End
	}
	return r, r.End == nil || bytes.Compare(r.Start, r.End) < 0
}

// String shows the names of the bounds.
func (b DatabaseBounds) String() string {
	var names []string
	for _, k := range b.Bounds {
		names = append(names, fmt.Sprintf("%.60s", k.Name))
	}
	return strings.Join(names, " ")
}
