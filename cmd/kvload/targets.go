package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// sharedBytes is how much of the dump is kept in memory for targets that are behind others.
const sharedBytes = 16 << 20

// severity orders the exit codes of several targets, the worst first: what the user has to look into before what
// goes away by itself. A code that is not listed is worse than all.
var severity = []int{
	exitcode.Interrupted, exitcode.Terminated, exitcode.HungUp, exitcode.Failed, exitcode.Corrupt, exitcode.Auth, exitcode.Refused, exitcode.NoDump,
	exitcode.Locked, exitcode.Different, exitcode.TryAgain, exitcode.LeftOut,
}

// parseTargets returns the options of the load into each target.
func parseTargets(c *cli.Context) ([]loadOptions, error) {
	first, err := parseLoad(c)
	if err != nil || len(first.servers) == 1 {
		return []loadOptions{first}, err
	}
	if first.report != "" {
		return nil, command.Usage("--report names one file, and there are %d targets: leave it out, each has its own beside its journal", len(first.servers))
	}
	var targets []loadOptions
	for _, s := range first.servers {
		o := first
		o.server, o.retries = s, progress.NewRetries()
		o.writer.Addr, o.writer.Username, o.writer.Password, o.writer.TLS = s.Addr, s.Username, s.Password, s.TLS
		if o.createNamespaces && s.Password == "" {
			return nil, command.Usage("--create-namespaces needs the password of %s", s.Addr)
		}
		if o.mapDB, err = parseMapDB(c.String("map-db"), o.own(), os.Getenv); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(targets, func(t loadOptions) bool { return t.server.Addr == s.Addr }) {
			return nil, command.Usage("--uri names %s twice: each target is loaded once", s.Addr)
		}
		for _, dir := range []*string{&o.state, &o.undo} {
			if *dir != "" {
				*dir = storage.Join(*dir, loadstate.TargetName(s.Addr))
			}
		}
		targets = append(targets, o)
	}
	return targets, nil
}

// loadTargets loads a dump into one target, or into several at once, each at its own pace and with a journal of its
// own. What fails at one does not stop the others.
func loadTargets(ctx context.Context, targets []loadOptions, out, log io.Writer) error {
	if len(targets) == 1 {
		return loadOne(ctx, targets[0], out, log)
	}
	a, err := archive.Open(ctx, targets[0].in, targets[0].threads, targets[0].keys.Identities...)
	if err != nil {
		return err
	}
	defer a.Close()
	if err := targets[0].location().Check(a.IsEncrypted()); err != nil {
		return err
	}
	a.Share(len(targets), sharedBytes)
	var servers []writer.Options
	for _, o := range targets {
		servers = append(servers, o.writer)
	}
	if i, j, same := writer.SameServer(ctx, servers); same {
		return fmt.Errorf("%w: %s and %s are the same server, or nodes of one cluster: name each target once", errRefused, servers[i].Addr, servers[j].Addr)
	}
	b := newBoard(targets, log)
	stop := b.start(targets[0].quiet)
	defer stop()
	tables := make([]bytes.Buffer, len(targets)) // of --dry-run
	var g errgroup.Group
	for i, o := range targets {
		o.progress = b.rows[i].follow
		g.Go(func() error {
			b.ended(ctx, b.rows[i], loadFrom(ctx, a.Feed(), o, &tables[i], b.rows[i]))
			return nil // the others go on
		})
	}
	_ = g.Wait() // nothing is returned
	stop()
	for i := range tables {
		if _, err := tables[i].WriteTo(out); err != nil {
			return err
		}
	}
	return b.result()
}

// ended notes how the load into a target has ended, and says at once if it has failed.
func (b *board) ended(ctx context.Context, r *row, err error) {
	var interrupt *command.Interrupt
	if err != nil && errors.As(context.Cause(ctx), &interrupt) && !errors.As(err, new(*command.Interrupt)) {
		err = fmt.Errorf("%w: %w", interrupt, err)
	}
	code := exitcode.Done
	if err != nil {
		code = command.Code(err, classify)
		text := oneLine(err)
		if code != exitcode.LeftOut && code != exitcode.Different {
			text = "failed: " + text
		}
		fmt.Fprintln(r, text)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	r.over, r.code, r.err = true, code, err
}

// result says how each target has ended, and returns the worst error.
func (b *board) result() error {
	worst, bad := b.rows[0], 0
	for _, r := range b.rows {
		if r.err == nil {
			fmt.Fprintln(r, "done")
			continue
		}
		fmt.Fprintln(r, "exit code", r.code)
		if bad++; worst.err == nil || slices.Index(severity, r.code) < slices.Index(severity, worst.code) {
			worst = r
		}
	}
	if bad == 0 {
		return nil
	}
	return fmt.Errorf("%d of %s did not end well; %s: %w", bad, progress.Plural(len(b.rows), "target", "targets"), worst.addr, worst.err)
}
