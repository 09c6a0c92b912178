package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/glob"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	summary "github.com/pika2kvrocks/pika2kvrocks/internal/report"
	"github.com/pika2kvrocks/pika2kvrocks/internal/verify"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// verifySource is pikadump verify.
func verifySource(ctx context.Context, o *verifyOptions, out, log io.Writer) error {
	a, err := archive.Open(ctx, o.in, 0, o.keys.Identities...)
	if err != nil {
		return err
	}
	defer a.Close()
	o.reader.Prefix = o.filter.Prefix()
	if match := a.Manifest.Options.Match; o.filter.Match == "" && match != "" {
		if p, err := glob.Compile(match); err == nil {
			o.reader.Prefix = p.Prefix()
		}
	}
	s, err := reader.Open(ctx, o.reader)
	if err != nil {
		return refusedAtOpen(err)
	}
	start := time.Now()
	src := s.Source()
	fmt.Fprintf(log, "comparing Pika %s at %s with %s\n", src.Version, src.Address, a.Path())
	report, err := verify.NewReport(o.report, out)
	if err != nil {
		return fmt.Errorf("%w: --report: %w; give a file that can be written", reader.ErrRefused, err)
	}
	vo := verify.Options{
		KeysOnly: o.keysOnly, Sample: o.sample, Report: report.Add,
		// A Pika tells how long a key has to live, not until when: an expiry that is read twice can
		// differ where its clock goes on in between (docs/SERVERS.md P3).
		RoundedMs: 1000,
		Clock: func() time.Time {
			return time.Now().Add(time.Duration(src.ClockDifference) * time.Millisecond)
		},
	}
	unknown, err := unknownExpiries(a)
	if err != nil {
		return err
	}
	vo.ExpiryUnknown = func(db int, t format.Type, key []byte) bool { return unknown.Holds(db, typed(t, key)) }
	var tally verify.Tally
	err = verifyAll(ctx, a, s, o, &vo, &tally, log)
	if err := errors.Join(err, unknown.Close(), report.Close()); err != nil {
		return err
	}
	summary.SayPartial(out, a.Manifest.Options)
	if tally.Keys() == 0 && summary.Keys(a.Manifest.Totals) > 0 {
		return fmt.Errorf("%w: no key was compared, which proves nothing: --db, --type, --match or --sample choose none of the dump's keys", reader.ErrRefused)
	}
	fmt.Fprintf(out, "compared %s in %s\n", progress.Plural(tally.Keys(), "key", "keys"), progress.Duration(max(time.Since(start), time.Second)))
	tally.Summary(out, o.sample)
	differ, _ := tally.Differing()
	if differ == 0 {
		return nil
	}
	where := "--report FILE lists them"
	if o.report != "" {
		where = "see " + o.report
	}
	return &command.Different{Text: fmt.Sprintf("%s of %s changed since the dump: %s", progress.Count(differ), progress.Plural(tally.Keys(), "key has", "keys have"), where)}
}

// unknownExpiries returns the keys whose expiry the dump could not tell.
func unknownExpiries(a *archive.Archive) (*verify.KeySet, error) {
	set := verify.NewKeySet()
	err := a.Skipped(func(k archive.SkippedKey) error {
		if k.Reason != string(reader.ExpiryUnknown) {
			return nil
		}
		return set.Add(k.DB, typed(k.Type, k.Key))
	})
	if err = errors.Join(err, set.Seal()); err != nil {
		return nil, errors.Join(err, set.Close())
	}
	return set, nil
}

// typed is a key's name in a set of keys of several types.
func typed(t format.Type, key []byte) []byte { return slices.Concat([]byte(t), []byte(":"), key) }

// verifyAll makes all rounds.
func verifyAll(ctx context.Context, a *archive.Archive, s *reader.Scanner, o *verifyOptions, vo *verify.Options, tally *verify.Tally, log io.Writer) (err error) {
	units := a.Units(func(c format.ChunkInfo) bool { return o.filter.DB(c.DB) && o.filter.Type(c.Type) && c.Records > 0 })
	total := int64(0)
	for _, u := range units {
		total += u.Stored()
	}
	var read atomic.Int64
	if !o.quiet {
		defer progress.Start(log, func() progress.Snapshot {
			n := read.Load()
			return progress.Snapshot{Keys: tally.Keys(), Bytes: n, Done: min(0.999, float64(n)/float64(max(1, total)))}
		})()
	}
	// A connection of the reader ends with its context, and these outlive their round.
	connect := func(_ context.Context, db int) (verify.Server, error) {
		k, err := s.NewKeyReader(ctx, db)
		if err != nil {
			return nil, err
		}
		return &verify.Ordered{Source: &keySource{k}}, nil
	}
	workers := make([]*verify.Worker, min(threads(&dumpOptions{threads: o.threads}, s.Source()), max(1, len(units))))
	for i := range workers {
		workers[i] = &verify.Worker{Archive: a, Keep: o.filter.Key(), Connect: connect, Options: vo, Tally: tally, Read: &read}
		defer func(w *verify.Worker) { err = errors.Join(err, w.Close()) }(workers[i])
	}
	jobs := verify.Jobs(units)
	for round := 1; round <= o.rounds && len(jobs) > 0; round++ {
		if jobs, err = verify.Round(ctx, workers, jobs, round < o.rounds); err != nil {
			return err
		}
	}
	return nil
}
