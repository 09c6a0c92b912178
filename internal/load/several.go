package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/logging"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/writer/preflight"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// sharedBytes is how much of the dump is kept in memory for targets that are behind others.
const sharedBytes = 16 << 20

// RunAll is Run for one target, or for several at once, each at its own pace. The dump of several
// is a finished one.
func RunAll(ctx context.Context, targets []Options, out, log io.Writer) error {
	first := &targets[0]
	if len(targets) == 1 {
		return Run(ctx, *first, out, log)
	}
	first.Summarize("load")
	a, err := archive.OpenAny(ctx, first.Dump, first.Workers, first.Keys.Identities...)
	if err != nil {
		return err
	}
	defer a.Close()
	logging.SetDump(log, a.Manifest.Dump)
	if err := first.Location().Check(a.IsEncrypted()); err != nil {
		return err
	}
	a.CacheFrames(len(targets), sharedBytes)
	first.Summary.Of(a.Manifest, first.Dump)
	first.Summary.DryRun = first.DryRun
	var servers []target.Options
	for i := range targets {
		servers = append(servers, targets[i].Target.Target)
	}
	if i, j, same := preflight.Duplicate(ctx, servers); same {
		return fmt.Errorf("%w: %s and %s are the same server, or nodes of one cluster: name each target once", exitcode.ErrRefused, servers[i].Addr, servers[j].Addr)
	}
	tables := make([]bytes.Buffer, len(targets)) // of DryRun
	err = Several(ctx, targets, phase, log, func(i int, o Options, log io.Writer) error {
		return runFrom(ctx, a.Feed(), o, &tables[i], log)
	})
	for i := range tables {
		_, werr := tables[i].WriteTo(out)
		err = errors.Join(err, werr)
	}
	return err
}

// Several runs the loads into several targets at once, each at its own pace, and with a summary of
// its own in that of the first. What fails at one is said, and does not stop the others. The error
// is the worst of all.
func Several(ctx context.Context, targets []Options, phase string, log io.Writer, one func(i int, o Options, log io.Writer) error) error {
	b, first, all := &board{}, &targets[0], targets[0].Summary
	end := first.Meter.Begin(phase, len(targets)*first.Workers)
	defer end()
	var loads sync.WaitGroup
	for i, o := range targets {
		addr := o.Target.Target.Addr
		o.Summary, o.Shared = all.Into(addr), true
		row := &targetRow{b: b, addr: addr, lines: logging.Lines{Each: func(line []byte) error {
			_, err := fmt.Fprintf(log, "%s: %s", addr, line)
			return err
		}}}
		b.rows = append(b.rows, row)
		loads.Go(func() {
			err := one(i, o, row)
			first.Meter.EndTarget(addr, err != nil && !exitcode.IsEnd(err))
			b.ended(ctx, row, err)
			o.Summary.End(row.err, row.code())
		})
	}
	loads.Wait()
	end()
	return b.result()
}

// ended notes how the load into a target has ended, and says at once if it has failed.
func (b *board) ended(ctx context.Context, r *targetRow, err error) {
	var interrupt *exitcode.InterruptError
	if err != nil && errors.As(context.Cause(ctx), &interrupt) && !errors.As(err, new(*exitcode.InterruptError)) {
		err = fmt.Errorf("%w: %w", interrupt, err)
	}
	if err != nil {
		text := strings.ReplaceAll(err.Error(), "\n", "; ")
		if errors.As(err, new(*refusedError)) {
			text = err.Error() // a line for each check
		}
		if !exitcode.IsEnd(err) {
			text = "failed: " + text
		}
		fmt.Fprintln(r, text)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	r.err = err
}

// result says how each target has ended, and returns the worst error.
func (b *board) result() error {
	worst, bad := b.rows[0], 0
	for _, r := range b.rows {
		if r.err == nil {
			fmt.Fprintln(r, "done")
			continue
		}
		fmt.Fprintln(r, "exit code", r.code())
		if bad++; worst.err == nil || IsWorse(r.err, worst.err) {
			worst = r
		}
	}
	if bad == 0 {
		return nil
	}
	targets := progress.Plural(len(b.rows), "target", "targets")
	if worst.code() == exitcode.LeftOut { // which may be as expected
		return fmt.Errorf("%d of %s ended with exit code 3; %s: %w", bad, targets, worst.addr, worst.err)
	}
	return fmt.Errorf("%d of %s did not end well; %s: %w", bad, targets, worst.addr, worst.err)
}

// A board shows the loads into several targets in one log: each line after the target's address.
type board struct {
	rows []*targetRow

	mu sync.Mutex // guards what is written to the log, and the rows
}

// A targetRow is what the board knows of one target. It is the log of its load.
type targetRow struct {
	b     *board
	addr  string
	lines logging.Lines
	err   error
}

// code is the exit code of its load alone.
func (r *targetRow) code() int {
	if r.err == nil {
		return exitcode.Done
	}
	return ExitCode(r.err)
}

// Write writes the lines of a load.
func (r *targetRow) Write(p []byte) (int, error) {
	r.b.mu.Lock()
	defer r.b.mu.Unlock()
	return r.lines.Write(p)
}
