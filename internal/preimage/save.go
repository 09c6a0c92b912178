// Package preimage saves the keys of a target that a load will overwrite, as a dump, before the
// load begins.
//
//	keys, err := preimage.Save(ctx, preimage.Options{Dump: a, Target: l, Rules: rules, To: "undo", Workers: 8, ...})
//
// It never writes to the target, and never adds to a dump that is there: Refusal says why.
package preimage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/readback"
)

// Options say what is saved, and where.
type Options struct {
	Dump   *archive.Archive // that will be loaded
	Filter filter.Filter    // of its keys
	Rules  *rewrite.Rules
	DBs    []int // of the dump, in order

	Target  *writer.Loader
	Workers int          // connections that read at once
	Retry   retry.Policy // of transient errors of the target

	To        string // the new dump: a directory or the URL of a prefix in a bucket
	Tool      string // that is said to have made it
	Keys      encryption.Keys
	BreakLock bool
	Log       io.Writer
}

// mostSaves is how many times a dump is made when a large key changes, or expires, while it is
// read: what was written of it cannot be taken back.
const mostSaves = 3

// Save makes the dump, from the start, and returns its id, and how many keys it holds.
func Save(ctx context.Context, o Options) (id string, keys int64, err error) {
	for range mostSaves {
		if id, keys, err = save(ctx, o); !errors.Is(err, readback.ErrChanged) {
			break
		}
		fmt.Fprintln(o.Log, err)
	}
	return id, keys, exitcode.FromStart(err)
}

func save(ctx context.Context, o Options) (id string, keys int64, err error) {
	t := o.Target.Target
	src := format.Source{Address: t.Addr, Server: t.Server, Version: t.Version, Role: "master", Databases: len(o.DBs), WriteBinlog: "unknown"}
	info := format.NewInfo(o.Tool, time.Now(), src, format.Options{Databases: o.DBs, Types: format.Types})
	if isLeft(ctx, o.To, t.Addr, o.Tool, o.Keys) {
		fmt.Fprintln(o.Log, o.To+left)
		if err := archive.Discard(ctx, o.To, storage.Options{BreakLock: o.BreakLock}); err != nil {
			return "", 0, err
		}
	}
	w, err := archive.Create(ctx, o.To, info, archive.Options{Keys: o.Keys, Storage: storage.Options{BreakLock: o.BreakLock}})
	if err != nil {
		return "", 0, Refusal(ctx, o.To, o.Keys, err)
	}
	defer w.Close()
	for _, db := range o.DBs {
		if err := (&saver{Options: &o, w: w, db: db}).save(ctx); err != nil {
			return "", 0, notSaved(err, o.To)
		}
	}
	m, err := w.Finish(nil, false)
	if err != nil {
		return "", 0, notSaved(err, o.To)
	}
	for _, c := range m.Chunks {
		keys += c.Keys
	}
	return m.Dump, keys, nil
}

func notSaved(err error, to string) error {
	return fmt.Errorf("save what will be overwritten: %w (nothing was written to the target; the next attempt saves it anew in %s)", err, to)
}

// CanSave returns what Save finds at a place, or why it would refuse that, as far as that shows
// without writing anything. Addr is that of the target.
func CanSave(ctx context.Context, to, addr, tool string, keys encryption.Keys, o storage.Options) (found string, err error) {
	if isLeft(ctx, to, addr, tool, keys) {
		return to + left, nil
	}
	return to + " is empty", Refusal(ctx, to, keys, archive.CanCreate(ctx, to, o))
}

const left = " holds what a run that was stopped has saved before it wrote anything: it is saved anew"

// isLeft reports whether there is an unfinished dump of the same target, by the same tool. A load
// writes nothing before it has finished that.
func isLeft(ctx context.Context, to, addr, tool string, keys encryption.Keys) bool {
	dir, err := storage.Open(ctx, to)
	if err == nil {
		dir, err = encryption.Open(dir, keys.Identities)
	}
	if err != nil {
		return false
	}
	finished, err := storage.Exists(dir, format.ManifestName)
	if finished || err != nil {
		return false
	}
	in, err := archive.ReadInfo(dir)
	maker, _, _ := strings.Cut(tool, " ")
	return err == nil && in.Delta == nil && in.Source.Address == addr && (in.Tool == tool || strings.HasPrefix(in.Tool, maker+" "))
}

// Refusal says why the dump cannot be made at a place, and what to do; nil stays nil.
func Refusal(ctx context.Context, to string, keys encryption.Keys, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, archive.ErrExists):
		return fmt.Errorf("%w: --undo %s %s", exitcode.ErrRefused, to, found(ctx, to, keys))
	case errors.As(err, new(*fs.PathError)):
		return fmt.Errorf("%w: --undo: %w; give another directory", exitcode.ErrRefused, err)
	}
	return fmt.Errorf("save what will be overwritten: %w", err)
}

// found says what is where the dump is to be made.
func found(ctx context.Context, to string, keys encryption.Keys) string {
	a, err := archive.Open(ctx, to, 1, keys.Identities...)
	switch {
	case err == nil:
		defer a.Close()
		return fmt.Sprintf("holds a finished dump, made by %s on %s: a load may be undone with it only, so give another directory",
			a.Manifest.Tool, a.Manifest.Started.Local().Format("2006-01-02 15:04:05 MST"))
	case errors.Is(err, archive.ErrIncomplete):
		return "is not empty, and no finished dump: if a load was stopped while it made it, that load has written nothing, and it can be removed; else give another directory"
	}
	return "is not empty: give another directory"
}

// batchKeys is how many keys a batch has, which are looked at in one pipeline.
const batchKeys = 200

// Keys up to these sizes are read by many at a time, and kept until it is their turn to be written.
const (
	smallElements = 200
	batchBytes    = 2 << 20
)

// errFull: the elements of a key are few, but so many bytes that it is read when it is written.
var errFull = errors.New("the batch is full")

// A saver saves the keys of one database of the target.
type saver struct {
	*Options
	w    *archive.Writer
	db   int
	segs map[format.Type]*archive.Segment
}

// A batch is a run of consecutive keys.
type batch struct {
	keys    [][]byte
	infos   []readback.KeyInfo
	records [][]*format.Record // of each key; none: it is read when it is written
	size    int                // of all records
	done    chan struct{}      // closed when all this is so
}

// save looks at the keys and reads the small ones over several connections. One more writes them in
// their order, and reads the large ones. As many batches as there are connections wait for it.
func (s *saver) save(ctx context.Context) error {
	s.segs = map[format.Type]*archive.Segment{}
	for _, t := range format.Types {
		s.segs[t] = s.w.Segment(s.db, t, nil)
		defer s.segs[t].Discard()
	}
	g, ctx := errgroup.WithContext(ctx)
	look, write := make(chan *batch), make(chan *batch, s.Workers)
	g.Go(func() error {
		defer close(look)
		defer close(write)
		return s.batches(func(b *batch) error {
			for _, to := range []chan<- *batch{write, look} {
				select {
				case to <- b:
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			}
			return nil
		})
	})
	work := func(batches <-chan *batch, do func(context.Context, *readback.Client, *batch) error) {
		g.Go(func() (err error) {
			c := readback.New(s.Target.Target, s.db, s.Retry.Start().Wait)
			defer func() { err = errors.Join(err, c.Close()) }()
			for b := range batches {
				if err := do(ctx, c, b); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for range s.Workers {
		work(look, s.look)
	}
	work(write, s.write)
	if err := g.Wait(); err != nil {
		return err
	}
	for _, seg := range s.segs {
		if err := seg.Close(nil); err != nil {
			return err
		}
	}
	return nil
}

// batches hands over all names that the load may write, in order.
func (s *saver) batches(each func(*batch) error) error {
	var keys [][]byte
	add := func(key []byte) error {
		if keys = append(keys, key); len(keys) < batchKeys {
			return nil
		}
		b := &batch{keys: keys, done: make(chan struct{})}
		keys = nil
		return each(b)
	}
	extra := s.Rules.SuffixedNames(s.db)
	keep := s.Filter.Key()
	chosen := func(c format.ChunkInfo) bool { return s.Filter.Type(c.Type) }
	err := s.names(chosen, func(key []byte) error {
		if keep != nil && !keep(key) {
			return nil
		}
		if key = s.Rules.Prefix.Apply(key); key == nil {
			return nil
		}
		for len(extra) > 0 && bytes.Compare(extra[0], key) < 0 {
			if err := add(extra[0]); err != nil {
				return err
			}
			extra = extra[1:]
		}
		return add(key)
	})
	for _, key := range extra {
		if err == nil {
			err = add(key)
		}
	}
	if err == nil && len(keys) > 0 {
		err = each(&batch{keys: keys, done: make(chan struct{})})
	}
	return err
}

// names hands over the names of the dump, of a delta also those that are gone.
func (s *saver) names(chosen func(format.ChunkInfo) bool, each func(key []byte) error) error {
	if s.Dump.Manifest.Delta == nil {
		return s.Dump.Keys(s.db, chosen, func(key []byte, _ []format.Type) error { return each(key) })
	}
	return s.Dump.Changes(s.db, chosen, func(name []byte, _ []archive.Change) error { return each(name) })
}

// mostLooks is how many times a key is looked at that changes, or expires, while it is read.
const mostLooks = 10

// look looks at the keys of a batch, and reads the small ones. A key that changed meanwhile, or is
// gone because it expired, is looked at again.
func (s *saver) look(ctx context.Context, c *readback.Client, b *batch) error {
	b.infos, b.records = make([]readback.KeyInfo, len(b.keys)), make([][]*format.Record, len(b.keys))
	todo := make([]int, len(b.keys))
	for i := range todo {
		todo[i] = i
	}
	for n := 1; len(todo) > 0; n++ {
		changed, err := s.lookAt(ctx, c, b, todo, n == mostLooks)
		if err != nil {
			return err
		}
		todo = changed
	}
	close(b.done)
	return nil
}

// lookAt looks at some keys of a batch, and returns those that changed meanwhile; last: an error.
func (s *saver) lookAt(ctx context.Context, c *readback.Client, b *batch, some []int, last bool) (changed []int, err error) {
	keys := make([][]byte, len(some))
	for n, i := range some {
		keys[n] = b.keys[i]
	}
	infos, err := c.Info(ctx, keys)
	if err != nil {
		return nil, err
	}
	for n, i := range some {
		info := infos[n]
		b.infos[i], b.records[i] = info, nil
		small := info.Length <= smallElements || info.Kind == format.String && info.Length <= batchBytes
		if info.Type == "none" || !small || b.size >= batchBytes {
			continue
		}
		before := b.size
		err := c.Read(ctx, b.keys[i], info, func(r *format.Record) error {
			b.records[i] = append(b.records[i], r)
			if b.size += r.Size(); b.size > 2*batchBytes {
				return errFull
			}
			return nil
		})
		again := errors.Is(err, readback.ErrChanged) && !last
		if again {
			changed = append(changed, i)
		}
		if again || errors.Is(err, errFull) {
			b.records[i], b.size, err = nil, before, nil
		}
		if err != nil {
			return nil, err
		}
	}
	if last {
		return nil, c.Unchanged(ctx, keys, infos)
	}
	others, err := c.Changed(ctx, keys, infos)
	for _, n := range others {
		if i := some[n]; !slices.Contains(changed, i) {
			changed = append(changed, i)
		}
	}
	slices.Sort(changed)
	return changed, err
}

// write writes what was read of a batch, and what is still to be read.
func (s *saver) write(ctx context.Context, c *readback.Client, b *batch) error {
	select {
	case <-b.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	var large [][]byte
	var infos []readback.KeyInfo
	for i, info := range b.infos {
		for _, r := range b.records[i] {
			if err := s.record(r); err != nil {
				return err
			}
		}
		if info.Type == "none" || b.records[i] != nil {
			continue
		}
		if err := c.Read(ctx, b.keys[i], info, s.record); err != nil {
			return err
		}
		large, infos = append(large, b.keys[i]), append(infos, info)
	}
	if len(large) == 0 {
		return nil
	}
	return c.Unchanged(ctx, large, infos) // behind all that was read of them
}

func (s *saver) record(r *format.Record) error { // readback refuses what no type holds
	return s.segs[r.Kind.Type()].Record(r)
}
