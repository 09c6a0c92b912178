package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/logging"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// severity orders the exit codes of several targets, the worst first: what the user has to look
// into before what goes away by itself. A code that is not listed is worse than all.
var severity = []int{
	exitcode.Interrupted, exitcode.Terminated, exitcode.HungUp, exitcode.Failed, exitcode.Corrupt, exitcode.Auth, exitcode.Refused, exitcode.NoDump,
	exitcode.Locked, exitcode.Different, exitcode.TryAgain, exitcode.LeftOut,
}

// rank returns the rank of an exit code: the least is the worst.
func rank(code int) int { return slices.Index(severity, code) }

// IsWorse reports whether one error that ended a load is worse than another.
func IsWorse(err, other error) bool { return rank(ExitCode(err)) < rank(ExitCode(other)) }

// phase is that of a load in a Meter.
const phase = "load"

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
	return fmt.Errorf("%d of %s did not end well; %s: %w", bad, progress.Plural(len(b.rows), "target", "targets"), worst.addr, worst.err)
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
