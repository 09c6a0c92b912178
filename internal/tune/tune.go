// Package tune has settings of a Kvrocks changed while it is loaded, and has it compact what was
// loaded.
//
//	err := tune.RestoreLeft(ctx, l.Target, dir, log)              // what an earlier run has left changed
//	err = tune.With(ctx, l.Target, dir, log, func() error { … })  // tuned, and set back however it ends
//
// It never leaves a server changed without a file in the directory that says what it was.
package tune

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/serversettings"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/writer/admin"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// FileName is the file, beside the journal, that says what settings of the target were.
const FileName = "target-settings.json"

// Settings that are changed.
const (
	LogLevel       = "log-level"                   // info has a line for every large pipeline (SERVERS.md K18)
	BackgroundJobs = "rocksdb.max_background_jobs" // raised to the server's workers, which tell of its host's size
	mostJobs       = 32                            // that a Kvrocks takes
)

// With runs f with the target tuned, compacts if f succeeds, and sets back what was changed,
// however f ends. Nothing may be left by an earlier run.
func With(ctx context.Context, t *target.Target, dir string, log io.Writer, f func() error) error {
	if !t.IsKvrocks() {
		return f() // the pre-flight has said so
	}
	k, err := open(t, dir, log)
	if err != nil {
		return err
	}
	if err = change(ctx, t, k, log); err == nil {
		err = f()
	}
	if err == nil {
		compact(ctx, t, log)
	}
	return errors.Join(err, k.Restore(ctx))
}

// RestoreLeft sets back what an earlier run has left changed. The directory must be locked.
func RestoreLeft(ctx context.Context, t *target.Target, dir string, log io.Writer) error {
	k, err := open(t, dir, log)
	if err != nil || k.Left() == nil {
		return err
	}
	fmt.Fprintln(log, "an earlier run changed settings of the target and did not set them back")
	return k.Restore(ctx)
}

// Left returns what an earlier run has left changed, and an error if it cannot be set back now.
func Left(t *target.Target, dir string) ([]serversettings.Change, error) {
	f, err := file(dir)
	if err != nil {
		return nil, nil // there is no directory, and so no file
	}
	left, err := f.Read()
	for _, c := range left {
		if err == nil {
			err = mustBeLoaded(t, c)
		}
	}
	return left, err
}

// Remind says what an earlier run has left changed, when this one ends before it can set it back.
func Remind(dir string, log io.Writer) {
	if f, err := file(dir); err == nil {
		f.Remind(log)
	}
}

func file(dir string) (serversettings.File, error) {
	d, err := storage.OpenDir(dir)
	return serversettings.File{Store: d, Name: FileName, Side: "target", Names: []string{LogLevel, BackgroundJobs}}, err
}

func open(t *target.Target, dir string, log io.Writer) (*serversettings.Keeper, error) {
	f, err := file(dir)
	if err != nil {
		return nil, err
	}
	return serversettings.Open(serversettings.Options{
		File: f, Flag: "--tune", Again: "run the load again with --resume", Log: log,
		At: func(ctx context.Context, c serversettings.Change, f func(serversettings.Server) error) error {
			if err := mustBeLoaded(t, c); err != nil {
				return err
			}
			return at(ctx, t, c.Address, func(a *admin.Admin) error { return f(a) })
		},
	})
}

func mustBeLoaded(t *target.Target, c serversettings.Change) error {
	if slices.Contains(t.Servers(), c.Address) {
		return nil
	}
	return fmt.Errorf("%w: %s was changed at %s, which is not loaded now", exitcode.ErrRefused, c.Name, c.Address)
}

// at runs f with a connection to a server.
func at(ctx context.Context, t *target.Target, addr string, f func(*admin.Admin) error) error {
	a, err := admin.New(ctx, t, addr)
	if err != nil {
		return err
	}
	defer a.Close()
	return f(a)
}

// change tunes all servers. A setting that one refuses to change does no harm: the load is slower.
func change(ctx context.Context, t *target.Target, k *serversettings.Keeper, log io.Writer) error {
	var changes []serversettings.Change
	for _, addr := range t.Servers() {
		err := at(ctx, t, addr, func(a *admin.Admin) error {
			more, err := plan(ctx, a)
			changes = append(changes, more...)
			return err
		})
		if err != nil {
			return fmt.Errorf("--tune: %w", err)
		}
	}
	if changes == nil {
		fmt.Fprintln(log, "--tune: the settings are good as they are")
		return nil
	}
	return k.Change(ctx, changes, func(err error) bool { return errors.As(err, new(*admin.RefusedError)) })
}

func plan(ctx context.Context, a *admin.Admin) (list []serversettings.Change, err error) {
	is := map[string]string{}
	for _, name := range []string{LogLevel, BackgroundJobs, "workers"} {
		if is[name], err = a.Setting(ctx, name); err != nil {
			return nil, err
		}
	}
	if is[LogLevel] == "info" {
		list = append(list, serversettings.Change{Address: a.Addr(), Name: LogLevel, Was: "info", Set: "warning"})
	}
	now, err1 := strconv.Atoi(is[BackgroundJobs])
	most, err2 := strconv.Atoi(is["workers"])
	if most = min(most, mostJobs); err1 == nil && err2 == nil && now > 0 && now < most {
		list = append(list, serversettings.Change{Address: a.Addr(), Name: BackgroundJobs, Was: is[BackgroundJobs], Set: strconv.Itoa(most)})
	}
	return list, nil
}

// compact has the target compact what was loaded. The load is done, even if it does not.
func compact(ctx context.Context, t *target.Target, log io.Writer) {
	for _, addr := range t.Servers() {
		if err := at(ctx, t, addr, func(a *admin.Admin) error { return a.Compact(ctx) }); err != nil {
			fmt.Fprintf(log, "warning: --tune: COMPACT was not started: %v\n", err)
			continue
		}
		fmt.Fprintf(log, "STARTED AT THE TARGET %s: COMPACT; it runs in the background (is_compacting of INFO rocksdb)\n", addr)
	}
}
