// Package smalldump makes dumps of a few records for tests.
//
//	dir := smalldump.Make(t, smalldump.Options{}, []format.Record{smalldump.String("a", "1")})
package smalldump

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
)

// Options of a dump.
type Options struct {
	ChunkBytes int64          // of a chunk; 0: each record gets a chunk of its own
	Dump       format.Options // but for Databases and Types, which are those of the records
}

// Records goes over the records of a dump, each valid until the next, with the units in which they
// are.
func Records(t testing.TB, a *archive.Archive) iter.Seq2[archive.Unit, *format.Record] {
	return func(yield func(archive.Unit, *format.Record) bool) {
		t.Helper()
		for _, u := range a.Units(func(format.ChunkInfo) bool { return true }) {
			src := a.OpenUnit(u)
			for {
				r, err := src.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if !yield(u, r) {
					src.Close()
					return
				}
			}
			if err := src.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Text writes a record, or a part of one. The texts of a key's parts, one after another, are the
// same however it was divided, which depends on how long replies took and on lost connections.
func Text(r *format.Record) string {
	text := string(r.Value)
	for i, e := range r.Elems {
		text += fmt.Sprintf(" %q", e)
		if r.Scores != nil {
			text += fmt.Sprint("=", r.Scores[i])
		}
	}
	for _, e := range r.Entries {
		text += fmt.Sprintf(" %v %q", e.ID, e.Fields)
	}
	if r.Part&format.PartFirst != 0 {
		text = fmt.Sprint(r.Kind, " ", r.Expire, ":", text)
	}
	if r.State != nil {
		text += fmt.Sprint(" ", *r.State)
	}
	return text
}

// String returns a record of a string.
func String(key, value string) format.Record {
	return format.Record{Kind: format.String, Key: []byte(key), Part: format.PartWhole, Value: []byte(value)}
}

// Hash returns a record of a hash of fields and values.
func Hash(key string, elems ...string) format.Record {
	r := format.Record{Kind: format.Hash, Key: []byte(key), Part: format.PartWhole}
	for _, e := range elems {
		r.Elems = append(r.Elems, []byte(e))
	}
	return r
}

// Deleted returns a record that says that a name is gone.
func Deleted(key string) format.Record {
	return format.Record{Kind: format.Deleted, Key: []byte(key), Part: format.PartWhole}
}

// Skipped stands for a key that a delta could not read.
func Skipped(key string) format.Record { return format.Record{Key: []byte(key)} }

// Delta writes a finished delta that follows the dump in after to the directory dir. Of each name
// of the records, which must be in key order, by database, all other types are deleted; of one that
// is Deleted all are.
func Delta(t *testing.T, dir, after string, dbs ...[]format.Record) {
	t.Helper()
	DeltaWith(t, dir, after, func(*format.Delta) {}, dbs...)
}

// LastDelta is Delta, for one that was made while the writers were at rest.
func LastDelta(t *testing.T, dir, after string, dbs ...[]format.Record) {
	t.Helper()
	DeltaWith(t, dir, after, func(d *format.Delta) { d.Last = true }, dbs...)
}

// DeltaWith is Delta, of which set says more.
func DeltaWith(t *testing.T, dir, after string, set func(*format.Delta), dbs ...[]format.Record) {
	t.Helper()
	a, err := archive.OpenAny(t.Context(), after, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	now := time.Now()
	d := format.Delta{Base: a.Manifest.Dump, After: a.Manifest.Dump, Number: 1, Made: format.MadeByScan, From: a.Manifest.Source.Binlog, Until: now}
	if before := a.Manifest.Delta; before != nil {
		d.Base, d.Number, d.From = before.Base, before.Number+1, before.To
	}
	d.To = d.From
	set(&d)
	w, err := archive.Create(t.Context(), dir, format.NewDelta("test", now, a.Manifest.Source, a.Manifest.Options, d), archive.Options{})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, w, a.Manifest.Options, dbs, func(seg *archive.Segment, typ format.Type, records []format.Record) error {
		for i := 0; i < len(records); {
			key := string(records[i].Key)
			var r []format.Record
			for ; i < len(records) && string(records[i].Key) == key; i++ {
				if typ.Holds(records[i].Kind) {
					r = append(r, records[i])
				}
			}
			if records[i-1].Kind == 0 {
				if typ == format.TypeString {
					if err := seg.Skip([]byte(key), "gone", ""); err != nil {
						return err
					}
				}
				continue
			}
			if r == nil {
				r = append(r, Deleted(key))
			}
			for i := range r {
				if err := seg.Record(&r[i]); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Make writes a finished dump of records, which must be in key order, by database, and returns its
// directory.
func Make(t *testing.T, o Options, dbs ...[]format.Record) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "dump")
	o.Dump.Types = format.Types
	for db := range dbs {
		o.Dump.Databases = append(o.Dump.Databases, db)
	}
	src := format.Source{Address: "127.0.0.1:9221", Server: "pika", Version: "3.5.5", Role: "master", Databases: len(dbs)}
	w, err := archive.Create(t.Context(), dir, format.NewInfo("test", time.Now(), src, o.Dump), archive.Options{ChunkBytes: max(1, o.ChunkBytes)})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, w, o.Dump, dbs, func(seg *archive.Segment, typ format.Type, records []format.Record) error {
		for _, r := range records {
			if typ.Holds(r.Kind) {
				if err := seg.Record(&r); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return dir
}

// fill has each segment written, and finishes the dump.
func fill(t *testing.T, w *archive.Writer, o format.Options, dbs [][]format.Record, write func(*archive.Segment, format.Type, []format.Record) error) {
	t.Helper()
	defer w.Close()
	for db := range o.Databases {
		var records []format.Record
		if db < len(dbs) {
			records = dbs[db]
		}
		for _, typ := range o.Types {
			seg := w.Segment(db, typ, nil)
			if err := errors.Join(write(seg, typ, records), seg.Close(nil)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := w.Finish(nil, true); err != nil {
		t.Fatal(err)
	}
}
