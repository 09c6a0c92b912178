// Package extract makes a dump of a part of a dump.
//
//	m, err := extract.Run(ctx, a, "part", extract.Options{Filter: f, Tool: "kvload 1.2"})
//	a, err = archive.Open(ctx, "part", 0) // a dump like any other
//
// Source, times, binlog positions and the statement of consistency are those of the dump: what the
// part holds was read then. The package knows no server, and it never changes the dump that it
// reads.
package extract

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"reflect"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/export"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/glob"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// Options say what is extracted, and what the new dump is like.
type Options struct {
	Filter  filter.Filter
	Tool    string           // program and version
	Archive archive.Options  // of the new dump
	Meter   *progress.Meter  // nil: nobody wants to know
	Log     io.Writer        // is told what is made anew
	Summary *summary.Summary // takes what the run came to; nil: nobody wants to know
}

// Run makes a dump at out of the keys of a that the filter chooses. What a run that was killed has
// left there of the same part is made anew. It is a LeftOut error if the part lacks keys of the
// source.
func Run(ctx context.Context, a *archive.Archive, out string, o Options) (*format.Manifest, error) {
	if err := o.Archive.Keys.Check(a.IsEncrypted(), "the dump"); err != nil {
		return nil, err
	}
	if o.Summary == nil {
		o.Summary = summary.New("", "", "extract")
	}
	m, err := o.run(ctx, a, out)
	if err == nil {
		o.Summary.Note("a part of dump " + a.Manifest.Dump + " in " + summary.Place(a.Path()))
		err = o.Summary.Made(m, out, o.Archive.SkippedList(out))
	}
	return m, err
}

func (o *Options) run(ctx context.Context, a *archive.Archive, out string) (*format.Manifest, error) {
	options, err := narrowed(a.Manifest, &o.Filter)
	if err != nil {
		return nil, err
	}
	info := format.NewInfo(o.Tool, a.Manifest.Started, a.Manifest.Source, options)
	if err := discard(ctx, out, &info, o); err != nil {
		return nil, err
	}
	defer storage.Absent(out)()
	w, err := archive.Create(ctx, out, info, o.Archive)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	done := export.Watch(o.Meter, a.Units(o.mayHold))
	defer o.Meter.Begin("extract", 1)()
	for _, db := range options.Databases {
		for _, t := range options.Types {
			if err := o.segment(ctx, a, w, db, t, done); err != nil {
				return nil, err
			}
		}
	}
	m, err := w.Draft(a.Manifest.BinlogAfter)
	if err != nil {
		return nil, err
	}
	if report.Sum(m.Totals).Keys == 0 && report.Sum(a.Manifest.Totals).Keys > 0 {
		w.Close()
		return nil, errors.Join(fmt.Errorf("%w: no key of the dump is chosen by --match, --db and --type", exitcode.ErrRefused), archive.Discard(ctx, out, o.Archive.Storage))
	}
	m.Consistency = a.Manifest.Consistency
	return m, w.FinishAs(m, a.Manifest.Conflicts > 0)
}

// discard removes an unfinished extract of the same part of the same dump.
func discard(ctx context.Context, out string, info *format.Info, o *Options) error {
	dir, err := storage.Open(ctx, out)
	if err != nil {
		return nil // archive.Create says what is wrong, if anything is
	}
	if there, err := storage.Exists(dir, format.ManifestName); there || err != nil {
		return err
	}
	old, err := archive.ReadInfo(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	same := *old
	same.Dump, same.Tool = info.Dump, info.Tool
	if !reflect.DeepEqual(&same, info) {
		return nil // of something else: archive.Create refuses it
	}
	fmt.Fprintf(o.Log, "%s holds what a run that was stopped has left of this part: it is made anew\n", summary.Place(out))
	return archive.Discard(ctx, out, o.Archive.Storage)
}

// mayHold reports whether a part has to do with a chunk. Of streams all are read: what is said of
// those that could not be listed goes by the beginning of names.
func (o *Options) mayHold(c format.ChunkInfo) bool {
	if c.Type == format.TypeStream {
		return o.Filter.DB(c.DB) && o.Filter.Type(c.Type)
	}
	return export.MayHold(&o.Filter)(c)
}

// segment copies the keys of one database and type.
func (o *Options) segment(ctx context.Context, a *archive.Archive, w *archive.Writer, db int, t format.Type, done func(archive.Unit)) error {
	seg, match := w.Segment(db, t, nil), o.Filter.Key()
	defer seg.Discard()
	for _, u := range a.Units(func(c format.ChunkInfo) bool { return c.DB == db && c.Type == t && o.mayHold(c) }) {
		if match == nil { // else nobody knows what names they had
			for _, c := range u {
				for range c.Expired {
					if err := seg.Expire(); err != nil {
						return err
					}
				}
			}
		}
		if err := a.Copy(ctx, seg, u, match, o.concerns); err != nil {
			return err
		}
		done(u)
	}
	return seg.Close(nil)
}

// concerns reports whether a key that was skipped is one of the part. Some are not names, but what
// names begin with.
func (o *Options) concerns(k format.SkippedKey) bool {
	match, begin := o.Filter.Key(), o.Filter.Prefix()
	return match == nil || match(k.Key) || k.Reason == unlisted && (bytes.HasPrefix(k.Key, begin) || bytes.HasPrefix(begin, k.Key))
}

// unlisted is the reason for which a whole beginning of names was skipped.
const unlisted = "unlisted"

// narrowed returns the options of a part: what the dump holds, and the filter chooses.
func narrowed(m *format.Manifest, f *filter.Filter) (format.Options, error) {
	o := m.Options
	o.Databases = slices.DeleteFunc(slices.Clone(o.Databases), func(db int) bool { return !f.DB(db) })
	o.Types = slices.DeleteFunc(slices.Clone(o.Types), func(t format.Type) bool { return !f.Type(t) })
	switch {
	case len(o.Databases) == 0 || len(o.Types) == 0:
		return o, fmt.Errorf("%w: --db and --type choose nothing of the dump, which has databases %v and types %v", exitcode.ErrRefused, m.Options.Databases, m.Options.Types)
	case f.Match == "" || f.Match == o.Match:
		return o, nil
	case o.LimitKeys > 0:
		return o, fmt.Errorf("%w: the dump is a trial with --limit-keys, so it lacks keys that --match chooses, and the part could not say which", exitcode.ErrRefused)
	case o.Match != "" && !glob.Contains(o.Match, f.Match):
		return o, fmt.Errorf("%w: the dump holds only keys that match %q, and a dump can state one pattern: choose with --match among these, as in --match %q", exitcode.ErrRefused, o.Match, o.Match)
	}
	o.Match = f.Match
	return o, nil
}
