package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// How much of each database is looked for, if nothing of it is found: so many records, of so many units that are spread over it.
const (
	sampledUnits   = 16
	sampledRecords = 4096
	few            = 20 // keys, that are all missing, do not mean that a database was emptied if another was not
)

// A remainder is what a load, by its journal, has brought to the target. An emptied target must not be taken for it: jobs of a
// scheduler always run with --resume.
type remainder struct {
	o     *loadOptions
	l     *writer.Loader
	j     *journal.Journal
	cs    *conflicts
	again writer.RetryFunc // nil: nothing is tried again
}

// ofFeed is mustBeThere for the units that a feed hands out. Of a dump that has not come yet only the number of keys is looked at.
func (r *remainder) ofFeed(ctx context.Context, feed *archive.Feed, units []archive.Unit, before history, log io.Writer) error {
	a := feed.Archive()
	switch {
	case feed.Finished():
	case before == finished && r.o.follow: // the manifest was there when the load was finished
		whole, err := archive.Open(ctx, r.o.in, 1, r.o.keys.Identities...)
		if err != nil {
			return err
		}
		defer whole.Close()
		a, units = whole, take(r.o.share, r.o.units(whole))
	default:
		units = nil
	}
	return r.mustBeThere(ctx, a, units, log)
}

// mustBeThere refuses a target that holds, in some database, none of a sample of the keys that the load has written, or no key at all
// where none can be sampled. Keys that the applications have deleted since, or that have expired, are no reason: one that is there is enough.
func (r *remainder) mustBeThere(ctx context.Context, a *archive.Archive, units []archive.Unit, log io.Writer) error {
	s := r.j.Stats()
	loaded := map[int][]archive.Unit{}
	for _, u := range units {
		p := r.j.Unit(u[0].Name).Position()
		if left := p.Stats.Left() - p.Stats.LeftOut[writer.ReasonExists]; p.Stats.Keys > 0 && left == 0 {
			loaded[u[0].DB] = append(loaded[u[0].DB], u)
		}
	}
	var gone []string // databases of so few keys that these may have been used up while the others are there
	seen := false
	for db, units := range loaded {
		missing, found, err := r.look(ctx, a, db, units)
		if err != nil {
			return err
		}
		what := fmt.Sprintf("none of %s of database %d", progress.Plural(missing, "sampled key", "sampled keys"), db)
		switch {
		case found:
			seen = true
		case missing >= few:
			return r.emptied(what, s.Keys)
		case missing > 0:
			gone = append(gone, what)
		}
	}
	if len(gone) > 0 && !seen {
		return r.emptied(strings.Join(gone, " and "), s.Keys)
	}
	for _, what := range gone {
		fmt.Fprintf(log, "warning: the target holds %s: kvload verify tells what is missing\n", what)
	}
	if seen || s.Keys <= s.Expiring { // all may be over by now
		return nil
	}
	n, _, err := countKeys(ctx, r.l, r.o, 1)
	if err == nil && n == 0 {
		err = r.emptied("no key", s.Keys)
	}
	return err
}

func (r *remainder) emptied(what string, keys int64) error {
	return fmt.Errorf("%w: the target %s holds %s, but by the journal %s loaded: was it emptied? Remove %s to load from the beginning",
		errRefused, r.l.Target().Addr, what, progress.Plural(keys, "key was", "keys were"), r.j.Path())
}

// look looks for keys of some of the units until one is found.
func (r *remainder) look(ctx context.Context, a *archive.Archive, db int, units []archive.Unit) (missing int, found bool, err error) {
	v := r.l.NewVisitor(db, r.again)
	defer func() { err = errors.Join(err, v.Close()) }()
	n := min(len(units), sampledUnits)
	for i := range n {
		u := units[i*len(units)/n]
		upTo := int64(0)
		if ju := r.j.Unit(u[0].Name); !ju.IsDone() {
			if upTo = ju.Position().Record; upTo == 0 {
				continue
			}
		}
		keys, err := r.keys(a, u, sampledRecords/n, sampledRecords, upTo)
		if err != nil {
			return missing, false, err
		}
		for some := range slices.Chunk(keys, lookAt) {
			gone, err := r.gone(ctx, v, some)
			if err != nil {
				return missing, false, err
			}
			if len(gone) < len(some) {
				return missing, true, nil
			}
			missing += len(gone)
		}
	}
	return missing, false, nil
}

// A loadedKey is a key that the load has written.
type loadedKey struct {
	db           int
	source, name []byte // in the dump, on the target
	expire       int64  // on the target, in Unix ms; 0: never
}

// gone returns the keys that are not on the target, though they have not expired.
func (r *remainder) gone(ctx context.Context, v *writer.Visitor, keys []loadedKey) (gone []loadedKey, err error) {
	names := make([][]byte, len(keys))
	for i := range keys {
		names[i] = keys[i].name
	}
	looks, err := v.Look(ctx, names)
	if err != nil {
		return nil, err
	}
	soon := r.soon()
	for i, k := range keys {
		if looks[i].Type == "none" && (k.expire == 0 || k.expire > soon) {
			gone = append(gone, k)
		}
	}
	return gone, nil
}

// soon is until when what expires may have expired.
func (r *remainder) soon() int64 {
	return time.Now().Add(r.l.Target().ClockOffset + 2*time.Second).UnixMilli()
}

// mostSampledName is of how many bytes the name of a sampled key may be.
const mostSampledName = 16 << 10

// keys returns some keys of a unit that the load has written and that have not expired, of up to so many of its first records. Only
// those up to record upTo are written; 0: all.
func (r *remainder) keys(a *archive.Archive, u archive.Unit, records, most int, upTo int64) (keys []loadedKey, err error) {
	src, keep := a.OpenUnit(u), r.o.filter.Key()
	defer src.Close()
	soon := r.soon()
	for n, number := 0, int64(0); n < records && len(keys) < most; n++ {
		record, err := src.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if keep != nil && !keep(record.Key) {
			continue
		}
		if number++; upTo > 0 && number > upTo {
			break
		}
		expire, short := r.o.ttl.of(record.Expire)
		name, out := r.cs.rename(u[0].DB, record.Kind, record.Key)
		if record.Part&format.PartLast == 0 || len(record.Key) > mostSampledName || short || out != "" || expire != 0 && expire < soon {
			continue
		}
		if record.Kind != format.Stream && len(record.Elems) == 0 && len(record.Value) == 0 {
			continue // the last part of one that may hold nothing
		}
		k := loadedKey{u[0].DB, bytes.Clone(record.Key), name, expire}
		if name == nil {
			k.name = k.source
		}
		keys = append(keys, k)
	}
	return keys, nil
}
