package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// need is what the load wants of its target.
func (o *loadOptions) need(a *archive.Archive, units []archive.Unit) *writer.Need {
	n := &writer.Need{
		Connections: min(o.threads, max(1, len(units)))*len(o.writer.Places) + 1, // and one that looks at the storage
		Partly:      o.resume || o.filter.Match != "",
		SourceAhead: time.Duration(a.Manifest.Source.ClockDifference) * time.Millisecond,
		Dumped:      a.Manifest.Finished,
		Create:      map[int]string{}, Tune: o.tune, Accept: o.accept,
	}
	types := map[format.Type]bool{}
	for _, u := range units {
		for _, c := range u {
			n.Raw += c.Raw
			n.Expiring += c.Expiring
			types[c.Type] = true
		}
	}
	if a.Manifest.Finished.IsZero() { // how many units there will be is not known, nor whether keys of them expire
		n.Connections, n.Expiring = o.threads*len(o.writer.Places)+1, 1
	}
	if o.ttl.mode == ttlDrop {
		n.Expiring = 0
	}
	for _, t := range format.Types {
		if types[t] {
			n.Types = append(n.Types, t)
		}
	}
	if o.createNamespaces {
		for db, p := range o.writer.Places {
			if p.Token != "" {
				n.Create[db] = o.namespace(db)
			}
		}
	}
	return n
}

// namespace is the name of the namespace that --create-namespaces makes for a database.
func (o *loadOptions) namespace(db int) string {
	if name := o.namespaces[db]; name != "" {
		return name
	}
	return fmt.Sprintf("db%d", db)
}

// preflight looks at the target before anything is written to it, and makes the namespaces that are
// missing. It shows what is not as it should be.
func preflight(ctx context.Context, o *loadOptions, need *writer.Need, log io.Writer) error {
	if fresh, err := o.isFresh(ctx); err == nil && fresh && o.share.IsAll() && o.writer.OnExists == writer.Fail && !o.resume {
		need.CountKeys = countLimit // otherwise the journal has a say, later
	}
	f, err := writer.Inspect(ctx, o.writer, *need)
	if err != nil {
		return perhapsTLS(err)
	}
	checks := f.Checks(*need)
	warnings := 0
	for _, c := range checks {
		if c.Level == writer.Warning {
			warnings++
			fmt.Fprintln(log, "warning:", c)
		}
	}
	if err := writer.Failure(o.server.Addr, checks); err != nil {
		return err
	}
	fmt.Fprintf(log, "pre-flight: %s, %s\n", progress.Plural(len(checks), "check", "checks"), progress.Plural(warnings, "warning", "warnings"))
	missing := map[int]string{}
	for _, p := range f.Places {
		if p.Missing {
			missing[p.DB] = o.namespace(p.DB)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if err := writer.CreateNamespaces(ctx, o.writer, missing); err != nil {
		return err
	}
	for db, name := range missing {
		fmt.Fprintf(log, "CHANGED AT THE TARGET: NAMESPACE ADD %s, for db%d\n", name, db)
	}
	return nil
}

// dryRun makes the checks of a load and shows them all. It writes nothing, neither to the target nor to
// the directory of the journal.
func dryRun(ctx context.Context, o *loadOptions, need *writer.Need, names error, out io.Writer) error {
	local, fresh := o.checkJournal(ctx)
	if fresh && o.writer.OnExists == writer.Fail && !o.resume {
		need.CountKeys = countLimit
	}
	f, err := writer.Inspect(ctx, o.writer, *need)
	if err != nil {
		return perhapsTLS(err)
	}
	checks := f.Checks(*need)
	checks = append(checks, local...)
	if names != nil {
		checks = append(checks, writer.Check{Name: "names", Level: writer.Failed, Found: strings.TrimPrefix(names.Error(), errRefused.Error()+": ")})
	}
	fmt.Fprintf(out, "dry run: %s into %s\n", o.in, o.server.Addr)
	count := map[writer.Level]int{}
	for _, c := range checks {
		count[c.Level]++
		fmt.Fprintf(out, "%-8s %-14s %s\n", c.Level, c.Name, c.Found)
		if c.Advice != "" {
			fmt.Fprintf(out, "%-8s %-14s -> %s\n", "", "", c.Advice)
		}
	}
	fmt.Fprintf(out, "%s, %s, %d failed; nothing was written\n", progress.Plural(len(checks), "check", "checks"), progress.Plural(count[writer.Warning], "warning", "warnings"), count[writer.Failed])
	if err := writer.Failure(o.server.Addr, checks); err != nil {
		kind := errRefused
		if errors.Is(err, writer.ErrAuth) {
			kind = writer.ErrAuth
		}
		return fmt.Errorf("%w: %s of the dry run failed", kind, progress.Plural(count[writer.Failed], "check", "checks"))
	}
	return nil
}

// checkJournal says what the next run would find where it keeps its journal, and whether it would begin a load.
func (o *loadOptions) checkJournal(ctx context.Context) (checks []writer.Check, fresh bool) {
	c := writer.Check{Name: "journal", Found: "none in " + o.statePath(nil) + ": a load would begin"}
	fresh, err := o.isFresh(ctx)
	switch {
	case fresh:
	case err != nil:
		c.Level, c.Found, c.Advice = writer.Failed, err.Error(), "give another directory with --state"
	case o.resume:
		c.Found = "in " + o.statePath(nil) + ": --resume goes on with its load, if that is not finished"
	default:
		c.Level, c.Found = writer.Warning, "in "+o.statePath(nil)+" is one of an earlier load"
		c.Advice = "if that is not finished, go on with it with --resume"
	}
	checks = append(checks, c)
	if d, err := storage.OpenDir(o.statePath(nil)); err == nil {
		if was, err := readSettings(d); err != nil || was != nil {
			checks = append(checks, writer.Check{Name: "settings", Level: writer.Warning, Found: "an earlier run changed settings of the target and did not set them back",
				Advice: "the next load does"})
		}
	}
	return checks, fresh
}

// isFresh reports whether no load has begun, by this share or, of several, by any.
func (o *loadOptions) isFresh(ctx context.Context) (bool, error) {
	store, err := storage.Open(ctx, o.statePath(nil))
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if !o.share.IsAll() {
		there, err := storage.Exists(store, jointName)
		return !there, err
	}
	r, err := storage.ReadLog(store, journal.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return false, r.Close()
}

// parseAccept reads the checks of --accept.
func parseAccept(s string) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	names := strings.Split(s, ",")
	for _, name := range names {
		if !slices.Contains(writer.Acceptable, name) {
			return nil, command.Usage("--accept %q: it takes %s", name, strings.Join(writer.Acceptable, ", "))
		}
	}
	return names, nil
}
