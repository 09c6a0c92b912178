package archive

import (
	"bytes"
	"cmp"
	"errors"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// Conflicts hands over the names that exist under several types, by database and in key order.
func (a *Archive) Conflicts(each func(ConflictKey) error) error {
	if a.above != nil {
		return a.eachConflict(each)
	}
	return readNamed(a, format.ConflictsName, each)
}

// writeConflicts writes conflicts.jsonl if any name exists under several types, as one can up to
// Pika 3.5. The chunks of each type are in key order, so that a merge over them finds every such
// name, in constant memory.
func (a *Archive) writeConflicts() error {
	return a.writeList(format.ConflictsName, func(add func(line any) error) error {
		return a.eachConflict(func(k ConflictKey) error {
			a.Manifest.Conflicts++
			return add(k)
		})
	})
}

// eachConflict finds the names that exist under several types, by database and in key order.
func (a *Archive) eachConflict(each func(ConflictKey) error) error {
	if a.above != nil && !MayConflict(&a.Manifest.Info) {
		return nil
	}
	for _, db := range a.Manifest.Options.Databases {
		all := a.cursors(db, allChunks, false, (*Archive).someRecords)
		err := merge(all, 2, withTypes(func(key []byte, types []format.Type) error {
			return each(ConflictKey{db, key, name(key), slices.Clone(types)})
		}))
		if err != nil {
			return err
		}
	}
	return nil
}

// A ConflictCursor tells which names of one database exist under several types, to one goroutine.
type ConflictCursor struct {
	db   int
	next func() (ConflictKey, error, bool)
	stop func()
	at   ConflictKey
	more bool // at is one
}

// ConflictsOf returns a cursor over the dump's own list, whatever deltas are above it.
func (a *Archive) ConflictsOf(db int) *ConflictCursor {
	stopped := errors.New("stopped")
	c := &ConflictCursor{db: db, at: ConflictKey{DB: -1}, more: true}
	c.next, c.stop = iter.Pull2(func(yield func(ConflictKey, error) bool) {
		err := readNamed(a, format.ConflictsName, func(k ConflictKey) error {
			if !yield(k, nil) {
				return stopped
			}
			return nil
		})
		if err != nil && err != stopped {
			yield(ConflictKey{}, err)
		}
	})
	return c
}

// Has reports whether the list has a name. Names are asked for in byte order.
func (c *ConflictCursor) Has(name []byte) (has bool, err error) {
	for c.more {
		if n := cmp.Or(cmp.Compare(c.at.DB, c.db), bytes.Compare(c.at.Key, name)); n >= 0 {
			return n == 0, nil
		}
		if c.at, err, c.more = c.next(); err != nil {
			return false, err
		}
	}
	return false, nil
}

func (c *ConflictCursor) Close() { c.stop() }

// ConflictKey is a line of conflicts.jsonl: a name that exists under several types.
type ConflictKey struct {
	DB    int           `json:"db"`
	Key   []byte        `json:"key"`
	Name  string        `json:"name"`
	Types []format.Type `json:"types"` // in the order in which Pika looks them up
}

// MayConflict reports whether a name of the dump can exist under several types, which is found out
// at its end: up to Pika 3.5 (SERVERS.md P5).
func MayConflict(info *format.Info) bool {
	major, _, _ := strings.Cut(info.Source.Version, ".")
	n, err := strconv.Atoi(major)
	return info.Source.Server == "pika" && (err != nil || n < 4) && len(info.Options.Types) > 1
}
