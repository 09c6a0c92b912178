package export

import (
	"bytes"
	"context"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
)

// Get writes the keys of those names, by database, in byte order, each in all of its types that are
// chosen. It sorts keys.
func (x *Exporter) Get(keys [][]byte) error {
	x.named = true
	slices.SortFunc(keys, bytes.Compare)
	keys = slices.CompactFunc(keys, bytes.Equal)
	if err := x.rules(named{x.a, keys}); err != nil {
		return err
	}
	found := make([]bool, len(keys))
	for _, db := range x.a.Manifest.Options.Databases {
		if !x.o.Filter.DB(db) {
			continue
		}
		if err := x.find(db, keys, found); err != nil {
			return err
		}
	}
	for i, key := range keys {
		if !found[i] {
			x.miss(key)
		}
	}
	return x.flush()
}

// find writes those of keys that a database has.
func (x *Exporter) find(db int, keys [][]byte, found []bool) error {
	types := x.o.Filter.Types
	if types == nil {
		types = format.Types
	}
	finders := make([]*archive.Finder, len(types))
	for i, t := range types {
		finders[i] = x.a.Finder(db, t)
		defer finders[i].Close()
	}
	for i, key := range keys {
		for at, f := range finders {
			if x.ctx.Err() != nil {
				return context.Cause(x.ctx)
			}
			err := f.Find(key, func(r *format.Record) error {
				found[i] = found[i] || x.match == nil || x.match(key)
				return x.record(db, types[at], r)
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// named is a dump, of whose names in several types only some count.
type named struct {
	*archive.Archive
	keys [][]byte // sorted
}

func (n named) Conflicts(each func(archive.ConflictKey) error) error {
	return n.Archive.Conflicts(func(k archive.ConflictKey) error {
		if _, ok := slices.BinarySearchFunc(n.keys, k.Key, bytes.Compare); !ok {
			return nil
		}
		return each(k)
	})
}
