package dump

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/logging"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pack"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// Run makes a dump, or one shard of it, or resumes one. It returns a LeftOut error if keys were
// left out.
func Run(ctx context.Context, o Options) (err error) {
	if o.Summary == nil {
		o.Summary = summary.New("", "", "dump")
	}
	if o.Stream == nil {
		return run(ctx, &o, nil)
	}
	defer func() { err = exitcode.FromStart(err) }()
	stream, err := pack.NewOutput(ctx, o.Stream, o.Archive.Storage.Spool)
	if err != nil {
		return fmt.Errorf("%w: --spool cannot be written to: %w", reader.ErrRefused, err)
	}
	return errors.Join(run(ctx, &o, stream), stream.Close())
}

// sealAfter is what a run that is held to a low rate loses at most when it is killed: what was read
// since, of each pass, and a key that is not whole.
const sealAfter = 5 * time.Minute

func run(ctx context.Context, o *Options, stream *pack.Output) error {
	throttle := NewThrottle(&o.Reader, o.Limits, o.Windows, o.Meter, o.Log)
	throttle.ping = o.ping
	if o.Archive.SealAfter == 0 {
		o.Archive.SealAfter = sealAfter
	}
	var b *base
	if o.Base != "" {
		var err error
		if b, err = openBase(ctx, o); err != nil {
			return err
		}
		defer b.close()
	} else if stream == nil {
		if err := notInChain(ctx, o); err != nil {
			return err
		}
	}
	CountRetries(&o.Reader, o.Meter, o.Summary)
	o.Archive.Sealed = func() { o.Meter.Chunk(1) }
	o.Reader.Prefix = o.Selection.Prefix()
	s, err := Open(ctx, o.Reader)
	if err != nil {
		return err
	}
	src := s.Source()
	options, err := o.Selection.Of(s)
	if err == nil && o.Shard != nil {
		err = o.Shard.check(s, &options)
	}
	if err == nil && b != nil {
		err = b.check(s, &options)
	}
	if err != nil {
		return err
	}
	o.Summary.Source = fmt.Sprintf("Pika %s at %s, role %s", src.Version, src.Address, src.Role)
	fmt.Fprintf(o.Log, "source: Pika %s at %s, role %s, %s\n", src.Version, src.Address, src.Role, progress.Plural(src.Databases, "database", "databases"))
	info := format.NewInfo(o.Tool, time.Now(), src.Source, options)
	if b != nil {
		info = b.info(o.Tool, src.Source)
	}
	w, err := begin(ctx, o, stream, info)
	if errors.Is(err, archive.ErrFinished) {
		fmt.Fprintln(o.Log, err)
		if o.Shard != nil {
			o.Summary.Finished = true
			return nil
		}
		return finished(ctx, s, o)
	}
	if err != nil {
		if dir, derr := storage.Open(ctx, o.Location); derr == nil && stream == nil {
			cacheFile(dir).Remind(o.Log)
		}
		return err
	}
	defer w.Close()
	logging.SetDump(o.Log, w.Info.Dump)
	o.begun(w)
	defer func() {
		if !o.Summary.Finished { // it says how far the dump, or the shard, is
			o.Summary.Hold(w.Totals())
		}
	}()
	d := &dumper{s: s, w: w, o: o, throttle: throttle, base: b}
	if !d.unbroken() {
		fmt.Fprintln(o.Log, "warning: the source was restarted since the dump began, or can have been (3.4 shows no run id), or another one took its address: if its data are not those of the dump, stop, and dump into another directory")
	}
	warn(s, o, Unselected(ctx, s, w.Info.Options.Databases, "dump"))
	if err := throttle.begin(ctx, s, o); err != nil {
		return err
	}
	switch {
	case o.Shard != nil:
		return d.shard(ctx)
	case stream != nil:
		return d.all(ctx)
	}
	return withCache(ctx, s, o, o.CacheOff, func() error { return d.all(ctx) })
}

// warn says what to know of the source, and of how it is listed, before it is read.
func warn(s *reader.Scanner, o *Options, more []string) {
	texts := append(Warnings(s, o.CacheOff), more...)
	if s.ByCursor() {
		texts = append(texts, "the keys are listed by SCAN, whose place the source keeps for all clients together and can lose: "+
			"the dump is made in one go by one thread, cannot be resumed, and stops when the place is seen to be lost; let no other client scan meanwhile")
	}
	if o.Reader.NoStreams && s.Source().Streams() {
		texts = append(texts, "streams are not in the dump (--streams off)")
	}
	for _, text := range texts {
		fmt.Fprintf(o.Log, "warning: %s\n", text)
	}
}

// finished does what may be left to do for a dump that is finished already, and ends as the run
// that finished it: that one may have been killed before it could say so.
func finished(ctx context.Context, s *reader.Scanner, o *Options) error {
	dir, err := storage.Create(ctx, o.Location, o.Archive.Storage)
	if err != nil {
		return err
	}
	lock, err := dir.Lock()
	if err != nil {
		return err
	}
	defer lock.Unlock()
	return withCache(ctx, s, o, false, func() error {
		a, err := archive.OpenAny(ctx, o.Location, 1, o.Archive.Keys.Identities...)
		if err != nil {
			return err
		}
		defer a.Close()
		o.summarize(a.Manifest)
		o.Summary.Resumed(o.Summary.Counts, a.Manifest.Started, a.Manifest.Finished)
		return ending(a.Manifest, o)
	})
}

// A dumper reads a source into a dump that was begun.
type dumper struct {
	s        *reader.Scanner
	w        *archive.Writer
	o        *Options
	throttle *Throttle
	counting bool // the source counts its keys meanwhile
	base     *base
}

// all reads what the dump does not have yet, and finishes it.
func (d *dumper) all(ctx context.Context) error {
	counts := startCounts(ctx, d.s, d.w, d.o)
	defer counts.stop()
	d.counting = counts.not == ""
	var err error
	if d.base != nil {
		err = d.readDelta(ctx, counts)
	} else {
		err = d.read(ctx)
	}
	var m *format.Manifest
	if err == nil {
		m, err = d.finish(ctx, counts)
	}
	if err != nil {
		return notFinished(err, d.s, d.o)
	}
	d.o.summarize(m)
	return ending(m, d.o)
}

// shard reads what the shard does not have yet.
func (d *dumper) shard(ctx context.Context) error {
	err := d.read(ctx)
	if err == nil {
		err = d.w.Sealed()
	}
	if err != nil {
		return notFinished(err, d.s, d.o)
	}
	fmt.Fprintf(d.o.Log, "shard %s is done: %s; when all are, the same command with --resume in place of --plan and --shard finishes the dump\n", d.o.Shard, d.w.Holds())
	return nil
}

func (d *dumper) read(ctx context.Context) error {
	scan := scan{s: d.s, w: d.w, o: d.o, throttle: d.throttle, counting: d.counting, phase: "dump"}
	return scan.run(ctx)
}

// unbroken reports whether the source has run since the dump was begun, as far as this run knows.
func (d *dumper) unbroken() bool {
	var moment time.Duration
	if d.s.Source().RunID == "" {
		moment = 5 * time.Second // a start shortly before the dump counts as one after
	}
	return !d.w.Resumed() || d.s.Source().RunsSince(&d.w.Info, moment)
}

// finish finishes the dump, of which all is read.
func (d *dumper) finish(ctx context.Context, counts *sourceCounts) (*format.Manifest, error) {
	after, err := d.s.BinlogPositions(ctx)
	if err != nil {
		return nil, err
	}
	if d.s.Restarted() {
		fmt.Fprintln(d.o.Log, "warning: the source was restarted during the dump: whether something was written meanwhile cannot be told")
	}
	if !d.unbroken() {
		after = []format.BinlogPosition{}
	}
	m, err := d.w.Draft(after)
	if err == nil {
		err = counts.hold(ctx, m, d.o.Log)
	}
	if err != nil {
		return nil, err
	}
	changed := m.Consistency.Statement != format.NoWrites // a name can have got another type behind its first one
	return m, d.w.FinishAs(m, (changed || d.s.Source().ManyTypes()) && len(m.Options.Types) > 1)
}
