// Package verifysource compares a dump with the Pika that it was made of, and tells what has
// changed there since.
//
//	err := verifysource.Run(ctx, verifysource.Options{Archive: a, Reader: reader.Options{Addr: "10.0.0.5:9221"}, Rounds: 2, …})
//
// It only reads, and does not look for keys that are new at the source.
package verifysource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/dump"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/glob"
	"github.com/pika2kvrocks/pika2kvrocks/internal/keyset"
	"github.com/pika2kvrocks/pika2kvrocks/internal/logging"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pace"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
	"github.com/pika2kvrocks/pika2kvrocks/internal/sample"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/internal/verify"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
	"golang.org/x/sync/errgroup"
)

// Options say what is compared, and how.
type Options struct {
	Archive  *archive.Archive
	Reader   reader.Options
	Filter   filter.Filter
	Sample   *sample.Sample // nil: all keys
	KeysOnly bool           // without elements
	Rounds   int            // each after the first reads again what differed in the one before
	Threads  int            // connections; 0: by the server's thread pool
	Report   string         // file that lists what differs; empty: none
	Cache    dump.CacheSwitch
	Limits   pace.Limits
	Windows  []pace.Window
	Meter    *progress.Meter
	Summary  *summary.Summary // takes what came out; nil: nobody wants to know
	Out, Log io.Writer        // for what came out, and for progress
}

// Run compares. It returns a Different error if the source has changed.
func Run(ctx context.Context, o Options) error {
	a := o.Archive
	if o.Summary == nil {
		o.Summary = summary.New("", "", "verify")
	}
	o.Summary.Of(a.Manifest, a.Path())
	logging.SetDump(o.Log, a.Manifest.Dump)
	o.Reader.Prefix = o.Filter.Prefix()
	dump.CountRetries(&o.Reader, o.Meter, o.Summary)
	if match := a.Manifest.Options.Match; o.Filter.Match == "" && match != "" {
		if p, err := glob.Compile(match); err == nil {
			o.Reader.Prefix = p.Prefix()
		}
	}
	throttle := dump.NewThrottle(&o.Reader, o.Limits, o.Windows, o.Meter, o.Log)
	s, err := dump.Open(ctx, o.Reader)
	if err != nil {
		return err
	}
	if err := throttle.Begin(ctx, s); err != nil {
		return err
	}
	src := s.Source()
	o.Summary.Source = fmt.Sprintf("Pika %s at %s", src.Version, src.Address)
	fmt.Fprintf(o.Log, "comparing Pika %s at %s with %s\n", src.Version, src.Address, a.Path())
	if text := another(&a.Manifest.Source, &src.Source); text != "" {
		fmt.Fprintln(o.Log, "warning:", text)
		o.Summary.Note(text)
	}
	if warning := dump.CacheWarning(src); warning != "" && !o.Cache.Off {
		fmt.Fprintln(o.Log, "warning:", warning)
	}
	list, err := verify.NewReport(o.Report, o.Out)
	if err != nil {
		return fmt.Errorf("%w: --report: %w; give a file that can be written", reader.ErrRefused, err)
	}
	unknown, err := unknownExpiries(a)
	if err != nil {
		return err
	}
	vo := verify.Options{
		KeysOnly: o.KeysOnly, Sample: o.Sample, Report: list.Add,
		// A Pika tells how long a key has to live, not until when: an expiry that is read twice can
		// differ where its clock goes on in between (docs/SERVERS.md P3).
		RoundedMs:     1000,
		Clock:         func(context.Context) time.Time { return s.Now() },
		ExpiryUnknown: func(db int, t format.Type, key []byte) bool { return unknown.Holds(db, string(t), key, nil) },
	}
	var tally verify.Tally
	err = o.Cache.Run(ctx, s, func() error {
		g, ctx := errgroup.WithContext(ctx)
		watching, over := context.WithCancel(ctx)
		g.Go(func() error { return throttle.Watch(watching, func(int) {}) })
		g.Go(func() error {
			defer over()
			return o.rounds(ctx, s, &vo, &tally)
		})
		return g.Wait()
	})
	if err := errors.Join(err, unknown.Close(), list.Close()); err != nil {
		return err
	}
	o.Summary.File("report", o.Report)
	o.Summary.NotePartial(a.Manifest.Options)
	if tally.Keys() == 0 && report.Sum(a.Manifest.Totals).Keys > 0 {
		return fmt.Errorf("%w: no key was compared, which proves nothing: --db, --type, --match or --sample choose none of the dump's keys", reader.ErrRefused)
	}
	o.Summary.Comparison = tally.Comparison(o.Sample)
	differ, _ := tally.Differing()
	if differ == 0 {
		return nil
	}
	where := "--report FILE lists them"
	if o.Report != "" {
		where = "see " + o.Report
	}
	return &exitcode.DifferentError{Text: fmt.Sprintf("%s changed since the dump: %s", progress.Of(differ, tally.Keys(), "key", "keys", "has", "have"), where)}
}

// another says that the source is not the one of the dump, or may be another; empty: it may be the
// same, which a restart gives another run id.
func another(was, now *format.Source) string {
	if was.RunID != "" && was.RunID == now.RunID || was.Address == now.Address && was.Version == now.Version {
		return ""
	}
	return fmt.Sprintf("the dump is of %s, Pika %s, and this is %s, Pika %s: if that is another source, give the --uri of the former",
		was.Address, was.Version, now.Address, now.Version)
}

// unknownExpiries returns the keys whose expiry the dump could not tell.
func unknownExpiries(a *archive.Archive) (*keyset.Set, error) {
	set := keyset.New()
	err := a.Skipped(func(k archive.SkippedKey) error {
		if k.Reason != string(reader.ExpiryUnknown) {
			return nil
		}
		return set.Add(k.DB, string(k.Type), k.Key, nil)
	})
	if err = errors.Join(err, set.Seal()); err != nil {
		return nil, errors.Join(err, set.Close())
	}
	return set, nil
}

func (o *Options) rounds(ctx context.Context, s *reader.Scanner, vo *verify.Options, tally *verify.Tally) error {
	a := o.Archive
	units := a.Units(func(c format.ChunkInfo) bool { return o.Filter.DB(c.DB) && o.Filter.Type(c.Type) && c.Records > 0 })
	threads := dump.Threads(o.Threads, s.Source())
	defer o.Meter.Begin("verify", threads)()
	for _, u := range units {
		u.ExpectIn(o.Meter.Part(progress.Name{DB: u[0].DB, Type: string(u[0].Type)}), o.Sample != nil || o.Filter.Key() != nil)
	}
	o.Meter.Note(func() string {
		differ, _ := tally.Differing()
		return progress.Plural(differ, "key has", "keys have") + " changed so far"
	})
	defer o.Meter.Observe(ctx, func(ctx context.Context) { dump.Observe(ctx, o.Meter, s) })()
	// A connection of the reader ends with its context, and these outlive their round.
	connect := func(_ context.Context, db int) (verify.Server, error) {
		k, err := s.NewKeyReader(ctx, db)
		if err != nil {
			return nil, err
		}
		return &verify.Ordered{Source: &keySource{k}}, nil
	}
	w := verify.Worker{Archive: a, Keep: o.Filter.Key(), Connect: connect, Options: vo, Tally: tally, Meter: o.Meter}
	return verify.Rounds(ctx, w, units, threads, o.Rounds)
}
