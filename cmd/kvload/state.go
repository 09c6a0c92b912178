package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// A history is what an earlier run has done of a load.
type history int

const (
	none history = iota
	resumed
	finished
)

// statePath returns the directory of the journal: beside the dump, by target, or for a dump in a bucket
// or a stream in the working directory.
func (o *loadOptions) statePath() string {
	if o.state != "" {
		return o.state
	}
	target := strings.Map(func(r rune) rune {
		if strings.ContainsRune(`:/\[]%`, r) {
			return '_'
		}
		return r
	}, o.server.Addr)
	beside := filepath.Clean(o.in)
	if storage.IsURL(o.in) || o.in == stdin {
		beside = "kvload-" + o.dump[:8]
	}
	return filepath.Join(beside+".load", target)
}

// binding says what a journal of this load is of.
func (o *loadOptions) binding(a *archive.Archive, l *writer.Loader) journal.Binding {
	t := l.Target()
	b := journal.Binding{
		Dump: a.Manifest.Dump, Address: t.Addr, Server: t.Server, Places: map[int]string{},
		Now: time.Now().Add(t.ClockOffset).UTC().Truncate(time.Millisecond),
	}
	for db, p := range o.writer.Places {
		b.Places[db] = l.Keyspace(db)
		if b.Places[db] == "" { // the target does not tell
			b.Places[db] = fmt.Sprintf("db %d", p.DB)
			if p.Token != "" {
				b.Places[db] = "a namespace"
			}
		}
	}
	var types []string
	for _, t := range format.Types {
		if o.filter.Type(t) {
			types = append(types, string(t))
		}
	}
	b.Settings = map[string]string{
		"--on-exists": o.writer.OnExists.String(), "--on-conflict": string(o.conflict), "--hyperloglog": o.writer.HyperLogLog.String(),
		"--ttl": string(o.ttl.mode), "--ttl-min": o.ttl.least.String(),
		"--key-prefix-strip": string(o.prefix.strip), "--key-prefix-add": string(o.prefix.add),
		"--type": strings.Join(types, ","), "--db": fmt.Sprint(o.filter.DBs), "--match": o.filter.Match,
	}
	return b
}

// begin looks into the journal, and begins one or goes on with it.
func begin(ctx context.Context, a *archive.Archive, l *writer.Loader, j *journal.Journal, cs *conflicts, o *loadOptions, log io.Writer) (history, error) {
	b := o.binding(a, l)
	began := j.Began()
	if !began.IsZero() {
		check := b
		if (!j.Finished().IsZero() || !j.Undone().IsZero()) && !o.resume {
			check.Settings = j.Bound().Settings // another load may have others
		}
		if err := j.Check(check); err != nil {
			return none, err
		}
	}
	const second = "2006-01-02 15:04:05 MST"
	switch {
	case began.IsZero():
	case !j.Undone().IsZero() && o.resume:
		return none, fmt.Errorf("%w: this load was taken back on %s: load anew without --resume", errRefused, j.Undone().Local().Format(second))
	case !j.Undone().IsZero():
	case j.IsUndoing():
		return none, fmt.Errorf("%w: this load is being taken back: go on with kvload rollback", errRefused)
	case !j.Finished().IsZero() && o.resume:
		fmt.Fprintf(log, "this load was finished on %s: nothing is left to be done (%s)\n", j.Finished().Local().Format(second), j.Path())
		return finished, nil
	case !j.Finished().IsZero():
		fmt.Fprintf(log, "this dump was loaded into this target before, until %s: it is loaded once more\n", j.Finished().Local().Format(second))
	case !o.resume:
		return none, fmt.Errorf("%w: a load of this dump into this target was begun on %s and is not finished: go on with it with --resume, "+
			"or remove %s to load from the beginning", errRefused, began.Local().Format(second), j.Path())
	default:
		return resumed, goOn(ctx, l, j, o, log)
	}
	if o.writer.OnExists == writer.Fail {
		if err := mustBeEmpty(ctx, l, o); err != nil {
			return none, err
		}
	}
	var n int64 // none were found with Fail
	var err error
	if o.writer.OnExists != writer.Fail {
		if n, _, err = countKeys(ctx, l, o, 1); err != nil {
			return none, err
		}
	}
	if err := l.Probe(ctx); err != nil {
		return none, err
	}
	if o.undo != "" {
		if !storage.IsURL(o.undo) {
			o.undo, err = filepath.Abs(o.undo)
		}
		if err == nil {
			err = saveUndo(ctx, a, l, cs, o, log)
		}
		if err != nil {
			return none, err
		}
	}
	kept, err := j.Begin(b, n == 0, o.undo)
	if kept != "" {
		fmt.Fprintf(log, "the journal of the load before is kept as %s\n", kept)
	}
	return none, err
}

// goOn makes sure that the target is the one that the journal speaks of.
func goOn(ctx context.Context, l *writer.Loader, j *journal.Journal, o *loadOptions, log io.Writer) error {
	s := j.Stats()
	if s.Keys > 0 {
		n, _, err := countKeys(ctx, l, o, 1)
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("%w: the target %s holds no key, but by the journal %d were loaded: was it emptied? Remove %s to load from the beginning",
				errRefused, l.Target().Addr, s.Keys, j.Path())
		}
	}
	fmt.Fprintf(log, "going on with the load of %s: %d keys are loaded\n", j.Began().Local().Format("2006-01-02 15:04:05 MST"), s.Keys)
	return nil
}

// stats translates what the writer counted.
func stats(s writer.Stats) journal.Stats {
	return journal.Stats{Keys: s.Keys, Elements: s.Elements, Commands: s.Commands, Bytes: s.Bytes, Expired: s.Expired, Short: s.Short, LeftOut: s.LeftOut}
}

func writerStats(s journal.Stats) writer.Stats {
	return writer.Stats{Keys: s.Keys, Elements: s.Elements, Commands: s.Commands, Bytes: s.Bytes, Expired: s.Expired, Short: s.Short, LeftOut: s.LeftOut}
}

// position translates a point of a source.
func position(p writer.Point, src *source) journal.Position {
	pos := journal.Position{Record: p.Records, Stats: stats(p.Stats)}
	pos.Chunk, pos.In = src.place(p.Records)
	if p.Open != nil {
		pos.Open = &journal.OpenKey{First: p.Open.First, Taken: p.Open.Taken, Bytes: p.Open.Bytes, Out: p.Open.Out}
	}
	return pos
}

// pointOf translates back.
func pointOf(p journal.Position) writer.Point {
	w := writer.Point{Records: p.Record, Stats: writerStats(p.Stats)}
	if p.Open != nil {
		w.Open = &writer.OpenKey{First: p.Open.First, Taken: p.Open.Taken, Bytes: p.Open.Bytes, Out: p.Open.Out}
	}
	return w
}

// byStored orders units, the largest first.
func byStored(units []archive.Unit) {
	slices.SortStableFunc(units, func(x, y archive.Unit) int { return int(min(1, max(-1, y.Stored()-x.Stored()))) })
}
