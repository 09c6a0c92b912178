package export

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
)

// Get writes the keys of those names, by database, in byte order, each in all of its types that are
// chosen. It sorts keys.
func (x *Exporter) Get(keys [][]byte) error {
	x.named = true
	slices.SortFunc(keys, bytes.Compare)
	keys = slices.CompactFunc(keys, bytes.Equal)
	dbs := x.databases()
	if x.o.Format == RESP && len(dbs) > 1 { // of which perhaps only one has the keys
		var err error
		dbs = slices.DeleteFunc(dbs, func(db int) bool {
			has := false
			err = errors.Join(err, x.find(db, keys, func(i int, _ format.Type, _ *format.Record) error {
				has = has || x.match == nil || x.match(keys[i])
				return nil
			}))
			return !has
		})
		if err = cmp.Or(err, x.oneDatabase(dbs)); err != nil {
			return err
		}
	}
	if err := x.rules(named{x.a, keys}); err != nil {
		return err
	}
	found := make([]bool, len(keys))
	for _, db := range dbs {
		err := x.find(db, keys, func(i int, t format.Type, r *format.Record) error {
			found[i] = found[i] || x.match == nil || x.match(keys[i])
			return x.record(db, t, r)
		})
		if err != nil {
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

// find hands over the records of those of keys that a database has.
func (x *Exporter) find(db int, keys [][]byte, each func(i int, t format.Type, r *format.Record) error) error {
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
			err := f.Find(key, func(r *format.Record) error { return each(i, types[at], r) })
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

// batchBytes is how much of a list of keys is held at once.
const batchBytes = 8 << 20

// ParseKeys returns the keys that texts are, or are in base64.
func ParseKeys(texts []string, isBase64 bool) (keys [][]byte, err error) {
	for _, text := range texts {
		key, err := parseKey([]byte(text), isBase64)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func parseKey(text []byte, isBase64 bool) ([]byte, error) {
	if !isBase64 {
		return append([]byte{}, text...), nil
	}
	key, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		return nil, exitcode.Usagef("the key %q is no base64 with padding", text)
	}
	return key, nil
}

// GetList is Get with the lines of a list, as many at a time as memory holds.
func (x *Exporter) GetList(list io.Reader, isBase64 bool) error {
	return readKeys(list, isBase64, x.Get)
}

func readKeys(r io.Reader, isBase64 bool, each func(keys [][]byte) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 2*format.MaxBulk)
	var keys [][]byte
	size := 0
	for lines.Scan() {
		key, err := parseKey(lines.Bytes(), isBase64)
		if err != nil {
			return err
		}
		if size += len(key) + 32; len(keys) > 0 && size > batchBytes {
			if err := each(keys); err != nil {
				return err
			}
			keys, size = nil, 0
		}
		keys = append(keys, key)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the list of keys: %w", err)
	}
	if len(keys) == 0 {
		return nil
	}
	return each(keys)
}
