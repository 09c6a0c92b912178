package main

import (
	"context"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// listingFlags say how keys and streams are listed.
func listingFlags(env func(string) []string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "scan", Value: reader.ScanAuto, Usage: "how keys are listed: range (PKSCANRANGE, SCANX: 3.0.3 and newer), scan (SCAN: one thread, no --resume, and only while no other client scans) or auto", EnvVars: env("scan"), Category: speed},
		&cli.StringFlag{Name: "streams", Value: "auto", Usage: "auto, or off: leave the streams out, which Pika 4.0 can only list by walking over all keys", EnvVars: env("streams"), Category: "What"},
	}
}

// parseListing reads the flags of listingFlags.
func parseListing(c *cli.Context, o *reader.Options) error {
	switch o.Scan = c.String("scan"); o.Scan {
	case reader.ScanAuto, reader.ScanRange, reader.ScanScan:
	default:
		return command.Usage("--scan %q: it is auto, range or scan", o.Scan)
	}
	switch streams := c.String("streams"); streams {
	case "auto":
	case "off":
		o.NoStreams = true
	default:
		return command.Usage("--streams %q: it is auto or off", streams)
	}
	return nil
}

// scanWord is how the dump says that keys were listed.
func scanWord(s *reader.Scanner) string {
	if s.ByCursor() {
		return format.ScanCursor
	}
	return format.ScanRange
}

// warnListing says what follows from how keys and streams are listed.
func warnListing(log io.Writer, s *reader.Scanner, o *dumpOptions) {
	for _, text := range s.Warnings() {
		fmt.Fprintf(log, "warning: %s\n", text)
	}
	if s.ByCursor() {
		fmt.Fprintf(log, "warning: the keys are listed by SCAN, whose place the source keeps for all clients together and can lose: "+
			"the dump is made in one go by one thread, cannot be gone on with, and stops when the place is seen to be lost; let no other client scan meanwhile\n")
	}
	if o.reader.NoStreams && s.Source().Streams() {
		fmt.Fprintf(log, "warning: streams are not in the dump (--streams off)\n")
	}
}

// notFinished returns the error of a dump that ended before its end, which says what to do with it.
func notFinished(err error, s *reader.Scanner, o *dumpOptions) error {
	if o.stream != nil {
		return fmt.Errorf("%w (the stream is not finished: dump again)", err)
	}
	if s.ByCursor() {
		return command.FromStart(fmt.Errorf("%w (%s holds an unfinished dump, which cannot be gone on with: remove it)", err, o.out))
	}
	if o.share != nil {
		return fmt.Errorf("%w (%s holds an unfinished dump: the same command goes on with this share of it)", err, o.out)
	}
	return fmt.Errorf("%w (%s holds an unfinished dump: --resume goes on with it)", err, o.out)
}

// scanCursors walks each database by SCAN, if that is how keys are listed.
func scanCursors(ctx context.Context, s *reader.Scanner, w *archive.Writer, o *dumpOptions, n *counters) error {
	if !s.ByCursor() {
		return nil
	}
	for _, db := range w.Info.Options.Databases {
		pass := reader.NewPass(db, "", nil, nil)
		pass.Prefix, pass.Keep, pass.Limit = o.filter.Prefix(), o.trial.keep(o.filter.Key()), o.trial.limit
		if err := scanCursor(ctx, s, w, pass, n); err != nil {
			return err
		}
	}
	return nil
}

func scanCursor(ctx context.Context, s *reader.Scanner, w *archive.Writer, pass *reader.Pass, n *counters) error {
	sinks := map[format.Type]*sink{}
	for _, t := range w.Info.Options.Types {
		if t != format.TypeStream {
			seg := w.Segment(pass.DB, t, nil)
			defer seg.Discard()
			sinks[t] = &sink{seg, n}
		}
	}
	err := s.ScanCursor(ctx, pass, func(t format.Type) reader.Sink {
		if s := sinks[t]; s != nil {
			return s
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, s := range sinks {
		if err := s.seg.Close(nil); err != nil {
			return err
		}
	}
	return nil
}

// HyperLogLog counts a hyperloglog.
func (s *sink) HyperLogLog(_ []byte, members int64) {
	s.n.hyperloglogs.Add(1)
	for {
		most := s.n.members.Load()
		if members <= most || s.n.members.CompareAndSwap(most, members) {
			return
		}
	}
}

// report tells of the hyperloglogs that this run found.
func (n *counters) report(log io.Writer) {
	if found := n.hyperloglogs.Load(); found > 0 {
		fmt.Fprintf(log, "%s, of up to about %s: their registers are in the dump, but no other server can go on counting with them\n",
			progress.Plural(found, "hyperloglog", "hyperloglogs"), progress.Plural(n.members.Load(), "member", "members"))
	}
}
