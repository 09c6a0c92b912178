package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/verify"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// A taking takes a load back.
type taking struct {
	a     *archive.Archive
	saved *archive.Archive // what the target held; nil: nothing was saved
	l     *writer.Loader
	j     *journal.Journal
	o     *loadOptions
	cs    *conflicts
	out   *verify.LeftOutList // what the load has left out; nil: nothing is known
	force bool
	again bool // a rollback before may have put something back

	log io.Writer

	report   *leftOutReport
	mu       sync.Mutex
	changed  map[place]bool // keys to be left as they are
	older    atomic.Int64   // of the keys in the report, those that the load may not have come to
	removed  atomic.Int64
	restored int64
}

// A place is a key of a database.
type place struct {
	db  int
	key string
}

// A trace is what a key was written as.
type trace struct {
	db     int
	kind   format.Kind
	source []byte // its name in the dump
	key    []byte // and on the target
	length int64
	value  []byte // of a small string
	begun  bool   // the load is known to have written some of it
	sure   bool   // all of it
	never  bool   // the load leaves it out: what is there is not its work
}

// smallValue is up to which size strings are compared by their value.
const smallValue = 64 << 10

// all removes what the load wrote and puts back what was there.
func (b *taking) all(ctx context.Context, units []archive.Unit) error {
	b.changed = map[place]bool{}
	byStored(units)
	g, removing := errgroup.WithContext(ctx)
	g.SetLimit(b.o.threads)
	for _, u := range units {
		g.Go(func() error {
			if removing.Err() != nil {
				return context.Cause(removing)
			}
			v := b.l.NewVisitor(u[0].DB, b.o.again(b.log))
			return errors.Join(b.unit(removing, u, v), v.Close())
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return b.restore(ctx)
}

// unit removes the keys of a unit.
func (b *taking) unit(ctx context.Context, u archive.Unit, v *writer.Visitor) error {
	ju := b.j.Unit(u[0].Name)
	asked, existed := ju.Asked()
	keep := b.o.filter.Key()
	src := b.a.OpenUnit(u)
	defer src.Close()
	var batch []*trace
	bytes := 0 // of values in the batch
	var open *trace
	for number := int64(0); ; {
		r, err := src.Next()
		if err == io.EOF {
			return b.remove(ctx, v, batch)
		}
		if err != nil {
			return err
		}
		if keep != nil && !keep(r.Key) {
			continue
		}
		if r.Part&format.PartFirst != 0 {
			if open = b.trace(u[0].DB, r); open != nil {
				open.begun = ju.IsDone() || number < ju.Position().Record
			}
			if b.o.writer.OnExists == writer.Skip && (existed.Has(number) || number >= asked) {
				open = nil // it was there before, or was never reached
			}
		}
		number++
		if open == nil {
			continue
		}
		open.grow(r)
		open.length -= b.leftOut(open, r)
		if r.Part&format.PartLast != 0 {
			open.sure = ju.IsDone() || number <= ju.Position().Record
			batch, bytes = append(batch, open), bytes+len(open.value)
			if len(batch) >= lookAt || bytes >= lotBytes {
				if err := b.remove(ctx, v, batch); err != nil {
					return err
				}
				batch, bytes = batch[:0], 0
			}
		}
	}
}

// trace begins the trace of a key, or returns nil for one with which there is nothing to do.
func (b *taking) trace(db int, r *format.Record) *trace {
	t := &trace{db: db, kind: r.Kind, source: append([]byte{}, r.Key...)}
	t.key = t.source
	_, t.never = b.o.ttl.of(r.Expire)
	if r.Kind == format.HyperLogLog {
		t.kind = format.String
		t.never = t.never || b.o.writer.HyperLogLog == writer.LeaveOut
	}
	if t.never && b.saved == nil { // else what was saved of the name would be put back
		return nil
	}
	name, out := b.cs.rename(db, r.Kind, t.source)
	if out != "" {
		return nil
	}
	if name != nil {
		t.key = name
	}
	return t
}

// grow adds a record of the key.
func (t *trace) grow(r *format.Record) {
	if t.kind == format.String {
		t.length += int64(len(r.Value))
		if t.length <= smallValue {
			t.value = append(t.value, r.Value...)
		}
		return
	}
	t.length += int64(r.Elements())
}

// leftOut returns how many elements of a record the load has left out.
func (b *taking) leftOut(t *trace, r *format.Record) (n int64) {
	if b.out == nil || b.out.Empty() {
		return 0
	}
	step := 1
	if r.Kind == format.Hash {
		step = 2
	}
	for i := 0; i < len(r.Elems); i += step {
		if b.out.Holds(t.db, r.Kind, t.source, r.Elems[i]) {
			n++
		}
	}
	for i := range r.Entries {
		if b.out.Holds(t.db, r.Kind, t.source, []byte(r.Entries[i].ID.String())) {
			n++
		}
	}
	return n
}

// isAs reports whether a key on the target is what was written, or, if partly, a part of it.
func (t *trace) isAs(look writer.Look, value string, partly bool) bool {
	if look.Kind != t.kind {
		return false
	}
	if partly && look.Length < t.length {
		return true
	}
	return look.Length == t.length && (t.kind != format.String || t.length > smallValue || value == string(t.value))
}

// mayBeOlder reports whether a key can be one that the target held before, which the load was to replace and did
// not come to before it was stopped.
func (b *taking) mayBeOlder(t *trace) bool {
	return !t.begun && b.o.writer.OnExists == writer.Replace && b.saved == nil && !b.j.WasEmpty()
}

// remove removes those of the keys that look as the load left them.
func (b *taking) remove(ctx context.Context, v *writer.Visitor, batch []*trace) error {
	keys := make([][]byte, len(batch))
	for i, t := range batch {
		keys[i] = t.key
	}
	looks, err := v.Look(ctx, keys)
	if err != nil {
		return err
	}
	values, err := b.values(ctx, v, keys, looks)
	if err != nil {
		return err
	}
	var gone [][]byte
	for i, t := range batch {
		look := looks[i]
		switch {
		case look.Type == "none":
		case !t.never && !b.mayBeOlder(t) && t.isAs(look, values[i], !t.sure):
			gone = append(gone, t.key)
		default:
			back, err := b.isSaved(t, look, values[i])
			if err != nil {
				return err
			}
			if back {
				continue // it is as it was before the load
			}
			if t.never {
				b.leave(t)
				continue
			}
			if b.force {
				gone = append(gone, t.key)
				continue
			}
			b.leave(t)
			left := writer.LeftOut{DB: t.db, Kind: t.kind, Key: t.source, Reason: "changed",
				Reply: fmt.Sprintf("%s of %d, not %s of %d", look.Type, look.Length, t.kind, t.length)}
			if b.mayBeOlder(t) {
				b.older.Add(1)
				left.Reason, left.Reply = "older", "it is not known whether the load came to it before it was stopped"
			}
			b.report.add("", left)
		}
	}
	b.removed.Add(int64(len(gone)))
	return v.Delete(ctx, gone)
}

// leave keeps a key as it is, also from what is put back.
func (b *taking) leave(t *trace) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed[place{t.db, string(t.key)}] = true
}

// values reads the small strings.
func (b *taking) values(ctx context.Context, v *writer.Visitor, keys [][]byte, looks []writer.Look) ([]string, error) {
	var of []int
	var ask [][]byte
	for i := range looks {
		if looks[i].Kind == format.String && looks[i].Length <= smallValue {
			of, ask = append(of, i), append(ask, keys[i])
		}
	}
	got, err := v.Values(ctx, ask)
	if err != nil {
		return nil, err
	}
	values := make([]string, len(keys))
	for n, i := range of {
		values[i] = got[n]
	}
	return values, nil
}

// isSaved reports whether a key is what it was before the load, or on the way to be it again.
func (b *taking) isSaved(t *trace, look writer.Look, value string) (bool, error) {
	if b.saved == nil {
		return false, nil
	}
	var was *trace
	err := b.saved.Find(t.db, t.key, func(r *format.Record) error {
		if was == nil {
			was = &trace{kind: r.Kind}
		}
		was.grow(r)
		return nil
	})
	if err != nil || was == nil {
		return false, err
	}
	return was.isAs(look, value, b.again), nil
}
