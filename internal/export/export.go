// Package export shows the keys of a dump, to people and to other programs: as a table, as lines of
// JSON, as commands for redis-cli --pipe, or as CSV.
//
//	x, err := export.New(ctx, a, os.Stdout, export.Options{Format: export.JSON})
//	err = x.Conclude(summary, x.Cat())     // every key that the options choose
//	err = x.Conclude(summary, x.Get(keys)) // keys by name: reads only frames that can hold them
//
// What is larger than memory passes through in the parts that the dump has of it. Nothing is left
// out silently: Options.Log is told of each key that a format cannot hold. The package knows no
// server, and it never changes a dump.
package export

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
)

// A Format is a way to write keys.
type Format string

// The formats.
const (
	Table Format = "table" // for people
	JSON  Format = "json"  // a line for each key
	RESP  Format = "resp"  // commands, as redis-cli --pipe takes them
	CSV   Format = "csv"   // a row for each element
)

// Options say which keys are written, and how. The zero value of each is all, or none.
type Options struct {
	Format Format // empty: Table
	Filter filter.Filter
	Limit  int64 // so many keys; 0: all

	// Of Table.
	Width int  // columns of a line; 0: 100
	Whole bool // each element on a line of its own, instead of the beginning on one line

	// Of RESP: what becomes of names and expiries, as at a load.
	Rewrite      rewrite.Options
	HyperLogLogs bool // write them as the strings that they are

	Log   io.Writer        // is told of each key that is left out, or that the dump does not have
	Meter *progress.Meter  // nil: nobody wants to know
	Now   func() time.Time // nil: time.Now
}

// Why keys are left out, beside the reasons of rewrite.Rules.
const (
	HyperLogLog = "hyperloglog"
	Expired     = "expired"
	Short       = "short"
	NotFlat     = "not-flat"
	TooLarge    = "too-large"
)

// An encoder writes records in one format. The parts of a key come one after the other.
type encoder interface {
	// add appends a record. Reason is why the key is left out: said at its first part, and then
	// none of its parts is appended.
	add(dst []byte, db int, t format.Type, r *format.Record) (out []byte, reason string)
}

// An Exporter writes keys of one dump. It is for one goroutine.
type Exporter struct {
	outcome

	ctx   context.Context
	a     *archive.Archive
	o     Options
	enc   encoder
	w     io.Writer
	buf   []byte
	match func([]byte) bool // nil: all
	named bool              // keys are asked for by their names
	skip  bool              // the key at hand is not chosen, or left out
}

// New returns an Exporter that writes to w.
func New(ctx context.Context, a *archive.Archive, w io.Writer, o Options) (*Exporter, error) {
	x := &Exporter{ctx: ctx, a: a, o: o, w: w, match: o.Filter.Key()}
	if x.o.Now == nil {
		x.o.Now = time.Now
	}
	if x.o.Log == nil {
		x.o.Log = io.Discard
	}
	if err := x.choosesSome(); err != nil {
		return nil, err
	}
	switch o.Format {
	case JSON:
		x.enc = new(jsonEncoder)
	case CSV:
		enc := newCSV()
		x.enc, x.buf = enc, enc.head()
	case RESP:
		x.enc = &respEncoder{hyperLogLogs: o.HyperLogLogs}
	default:
		enc := &tableEncoder{width: cmp.Or(o.Width, 100), whole: o.Whole, now: x.o.Now().UnixMilli()}
		x.enc, x.buf = enc, enc.head()
	}
	return x, nil
}

// choosesSome refuses to show nothing of a dump because the dump lacks the database or type.
func (x *Exporter) choosesSome() error {
	o, f := &x.a.Manifest.Options, &x.o.Filter
	if !slices.ContainsFunc(o.Databases, f.DB) || !slices.ContainsFunc(o.Types, f.Type) {
		return fmt.Errorf("%w: --db and --type choose none of the dump's keys; it has the databases %v and the types %v", exitcode.ErrRefused, o.Databases, o.Types)
	}
	return nil
}

// databases returns those with keys that may be chosen.
func (x *Exporter) databases() (dbs []int) {
	for _, c := range x.a.Manifest.Chunks {
		if c.Records > 0 && x.o.Filter.DB(c.DB) && x.o.Filter.Type(c.Type) && !slices.Contains(dbs, c.DB) {
			dbs = append(dbs, c.DB)
		}
	}
	return dbs
}

// oneDatabase refuses keys of several databases in one stream of commands: a server that has none,
// such as Kvrocks, answers SELECT with OK and does nothing (SERVERS.md K3).
func (x *Exporter) oneDatabase(dbs []int) error {
	if x.o.Format != RESP || len(dbs) < 2 {
		return nil
	}
	return exitcode.Usagef("--format resp writes one database at a time, and the keys are in %s: choose one with --db",
		strings.ReplaceAll(strings.Trim(fmt.Sprint(dbs), "[]"), " ", ", "))
}

// rules has the encoder of RESP go by the rules for the keys that d names.
func (x *Exporter) rules(d rewrite.Dump) error {
	enc, ok := x.enc.(*respEncoder)
	if !ok {
		return nil
	}
	if x.a.Manifest.Delta != nil {
		return fmt.Errorf("%w: a delta says what changed since the dump before it, and no server can be made of that: give its chain and --base", exitcode.ErrRefused)
	}
	rules, err := x.o.Rewrite.Rules(d, &x.o.Filter)
	if err != nil {
		return err
	}
	rules.Begin(x.o.Now(), x.a.Manifest)
	enc.rules = rules
	return nil
}

// Cat writes all keys that are chosen: by database, by type, in byte order.
func (x *Exporter) Cat() error {
	if err := errors.Join(x.oneDatabase(x.databases()), x.rules(x.a)); err != nil {
		return err
	}
	units := x.a.Units(MayHold(&x.o.Filter))
	done := Watch(x.o.Meter, units)
	defer x.o.Meter.Begin("cat", 1)()
	for _, u := range units {
		if x.full() {
			break
		}
		if err := x.unit(u); err != nil {
			return err
		}
		done(u)
	}
	return x.flush()
}

// MayHold returns what reports whether a chunk can have keys that a filter chooses, or the
// beginning of a unit that has.
func MayHold(f *filter.Filter) func(format.ChunkInfo) bool {
	prefix := f.Prefix()
	return func(c format.ChunkInfo) bool {
		behind := bytes.Compare(c.Start, prefix) > 0 && !bytes.HasPrefix(c.Start, prefix)
		before := c.End != nil && !c.Open && bytes.Compare(c.End, prefix) < 0
		return f.DB(c.DB) && f.Type(c.Type) && !before && !behind
	}
}

func (x *Exporter) unit(u archive.Unit) error {
	src := x.a.OpenUnit(u)
	defer src.Close()
	for !x.full() {
		if x.ctx.Err() != nil {
			return context.Cause(x.ctx)
		}
		r, err := src.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if err := x.record(u[0].DB, u[0].Type, r); err != nil {
			return err
		}
	}
	return nil
}

// full reports whether as many keys were written as are wanted.
func (x *Exporter) full() bool { return x.o.Limit > 0 && x.keys >= x.o.Limit }

// record writes a record, if its key is chosen.
func (x *Exporter) record(db int, t format.Type, r *format.Record) error {
	if r.Part&format.PartFirst != 0 {
		x.skip = x.match != nil && !x.match(r.Key)
	}
	if x.skip {
		return nil
	}
	var reason string
	if x.buf, reason = x.enc.add(x.buf, db, t, r); reason != "" {
		x.skip = true
		x.leave(db, r, reason)
		return nil
	}
	x.elements += int64(r.Elements())
	x.bytes += int64(r.Size())
	if r.Part&format.PartFirst != 0 {
		x.bytes += int64(len(r.Key))
	}
	if r.Part&format.PartLast != 0 {
		x.keys++
		if r.Kind == format.Deleted {
			x.deleted++
		}
	}
	if len(x.buf) < flushBytes {
		return nil
	}
	return x.flush()
}

// How much is written at once, and what is kept of the memory for it.
const (
	flushBytes = 64 << 10
	keepBytes  = 1 << 20
)

func (x *Exporter) flush() error {
	if _, err := x.w.Write(x.buf); err != nil {
		return fmt.Errorf("write the keys: %w", err)
	}
	if x.buf = x.buf[:0]; cap(x.buf) > keepBytes {
		x.buf = nil
	}
	return nil
}
