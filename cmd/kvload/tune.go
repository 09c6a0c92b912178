package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// settingsName is the file, beside the journal, that says what settings of the target a run has changed. It is written
// before they are, and removed when they are set back: a run that does not get so far leaves it to the next.
const settingsName = "target-settings.json"

// tuneTime is how long it may take to set the target back, also after Ctrl-C.
const tuneTime = 30 * time.Second

// Settings that --tune changes.
const (
	logLevel       = "log-level"                   // info has a line for every large pipeline (SERVERS.md K18)
	backgroundJobs = "rocksdb.max_background_jobs" // raised to the server's workers, which tell of its host's size
	mostJobs       = 32                            // that a Kvrocks takes
)

// A changedSetting is one that a run changes.
type changedSetting struct {
	Address string `json:"address"`
	Name    string `json:"name"`
	Was     string `json:"was"`
	Set     string `json:"set"`
}

// A tuning has settings of the target changed while a load runs.
type tuning struct {
	l       *writer.Loader
	dir     *storage.Dir
	log     io.Writer
	changed []changedSetting
}

// readSettings reads the file; nil if there is none.
func readSettings(dir *storage.Dir) ([]changedSetting, error) {
	data, err := storage.ReadFile(dir, settingsName, 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var was []changedSetting
	if err == nil {
		err = json.Unmarshal(data, &was)
	}
	for _, s := range was {
		if err == nil && (s.Name != logLevel && s.Name != backgroundJobs || s.Was == "" || s.Set == "") {
			err = fmt.Errorf("it names a setting %q", s.Name)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s in %s does not say what settings of the target were: set %s and %s to what they should be, and remove the file: %w",
			settingsName, dir.Path(""), logLevel, backgroundJobs, err)
	}
	return was, nil
}

// withTuning runs f, with the target tuned if on is true, and sets back what was changed, however f ends.
func withTuning(ctx context.Context, l *writer.Loader, dir string, on bool, log io.Writer, f func() error) error {
	if !on {
		return f()
	}
	d, err := storage.OpenDir(dir)
	if err != nil {
		return err
	}
	t := &tuning{l: l, dir: d, log: log}
	if err = t.begin(ctx); err == nil {
		err = f()
	}
	if err == nil {
		t.compact(ctx)
	}
	return errors.Join(err, t.restore(ctx))
}

// settle sets back what an earlier run has left changed. The directory must be locked.
func settle(ctx context.Context, l *writer.Loader, dir string, log io.Writer) error {
	d, err := storage.OpenDir(dir)
	if err != nil {
		return err
	}
	was, err := readSettings(d)
	if err != nil || was == nil {
		return err
	}
	fmt.Fprintln(log, "an earlier run changed settings of the target and did not set them back")
	return (&tuning{l: l, dir: d, log: log, changed: was}).restore(ctx)
}

// remindSettings says what an earlier run has left changed, when this one ends before it can set it back.
func remindSettings(dir string, log io.Writer) {
	d, err := storage.OpenDir(dir)
	if err != nil {
		return
	}
	if was, _ := readSettings(d); was != nil {
		for _, s := range was {
			fmt.Fprintf(log, "an earlier run changed %s of target %s from %s to %s, and nothing has set it back\n", s.Name, s.Address, s.Was, s.Set)
		}
	}
}

// begin changes the settings.
func (t *tuning) begin(ctx context.Context) (err error) {
	if t.l.Target().Server != "kvrocks" {
		return nil // the pre-flight has said so
	}
	if t.changed, err = t.plan(ctx); err != nil {
		return fmt.Errorf("--tune: %w", err)
	}
	if len(t.changed) == 0 {
		fmt.Fprintln(t.log, "--tune: the settings are good as they are")
		return nil
	}
	data, err := json.Marshal(t.changed)
	if err == nil {
		err = storage.WriteFile(t.dir, settingsName, data)
	}
	if err != nil {
		t.changed = nil
		return fmt.Errorf("--tune: %w", err)
	}
	for _, s := range t.changed {
		err := t.at(ctx, s.Address, func(a *writer.Admin) error { return a.Set(ctx, s.Name, s.Set) })
		switch {
		case errors.As(err, new(*writer.RefusedError)): // of no harm: the load is slower
			fmt.Fprintf(t.log, "--tune: %s stays %s: %v\n", s.Name, s.Was, err)
		case err != nil:
			return fmt.Errorf("--tune: %w", err)
		default:
			fmt.Fprintf(t.log, "CHANGED AT THE TARGET %s: CONFIG SET %s %s (it was %s)\n", s.Address, s.Name, s.Set, s.Was)
		}
	}
	return nil
}

// at runs f with a connection to a server.
func (t *tuning) at(ctx context.Context, addr string, f func(*writer.Admin) error) error {
	a, err := t.l.NewAdmin(ctx, addr)
	if err != nil {
		return err
	}
	return errors.Join(f(a), a.Close())
}

// plan says what is to be changed at all servers.
func (t *tuning) plan(ctx context.Context) (list []changedSetting, err error) {
	for _, addr := range t.l.Servers() {
		err := t.at(ctx, addr, func(a *writer.Admin) error {
			more, err := plan(ctx, a)
			list = append(list, more...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// plan says what is to be changed at one.
func plan(ctx context.Context, a *writer.Admin) (list []changedSetting, err error) {
	level, err := a.Setting(ctx, logLevel)
	if err != nil {
		return nil, err
	}
	if level == "info" {
		list = append(list, changedSetting{a.Addr(), logLevel, level, "warning"})
	}
	jobs, err := a.Setting(ctx, backgroundJobs)
	if err != nil {
		return nil, err
	}
	workers, err := a.Setting(ctx, "workers")
	if err != nil {
		return nil, err
	}
	now, err1 := strconv.Atoi(jobs)
	most, err2 := strconv.Atoi(workers)
	if most = min(most, mostJobs); err1 == nil && err2 == nil && now > 0 && now < most {
		list = append(list, changedSetting{a.Addr(), backgroundJobs, jobs, strconv.Itoa(most)})
	}
	return list, nil
}

// compact has the target compact what was loaded.
func (t *tuning) compact(ctx context.Context) {
	if t.l.Target().Server != "kvrocks" {
		return
	}
	for _, addr := range t.l.Servers() {
		if err := t.at(ctx, addr, func(a *writer.Admin) error { return a.Compact(ctx) }); err != nil { // the load is done all the same
			fmt.Fprintf(t.log, "warning: --tune: COMPACT was not started: %v\n", err)
			continue
		}
		fmt.Fprintf(t.log, "STARTED AT THE TARGET %s: COMPACT; it runs in the background (is_compacting of INFO rocksdb)\n", addr)
	}
}

// restore sets back what was changed, even when the context has ended.
func (t *tuning) restore(ctx context.Context) (err error) {
	if t.changed == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tuneTime)
	defer cancel()
	for _, s := range t.changed {
		err = errors.Join(err, t.back(ctx, s))
	}
	if err != nil {
		var left []string
		for _, s := range t.changed {
			host, port, _ := net.SplitHostPort(s.Address)
			left = append(left, fmt.Sprintf("redis-cli -h %s -p %s CONFIG SET %s %s", host, port, s.Name, s.Was))
		}
		return fmt.Errorf("THE TARGET MAY NOT BE AS IT WAS: run the load again with --resume, or type: %s (and remove %s in %s): %w",
			strings.Join(left, "; "), settingsName, t.dir.Path(""), err)
	}
	t.changed = nil
	return t.dir.Remove(settingsName)
}

func notLoadedNow(s changedSetting) error {
	return fmt.Errorf("%w: %s was changed at %s, which is not loaded now", errRefused, s.Name, s.Address)
}

// back sets one setting back, unless somebody else has changed it meanwhile.
func (t *tuning) back(ctx context.Context, s changedSetting) error {
	if !slices.Contains(t.l.Servers(), s.Address) {
		return notLoadedNow(s)
	}
	return t.at(ctx, s.Address, func(a *writer.Admin) error {
		now, err := a.Setting(ctx, s.Name)
		switch {
		case err != nil:
			return err
		case now == s.Was: // the change was refused, or the server restarted
			return nil
		case now != s.Set:
			fmt.Fprintf(t.log, "%s of the target is %s now: somebody has changed it during the load, and it stays so; before the load it was %s\n", s.Name, now, s.Was)
			return nil
		}
		if err := a.Set(ctx, s.Name, s.Was); err != nil {
			return err
		}
		fmt.Fprintf(t.log, "CHANGED AT THE TARGET %s: CONFIG SET %s %s, as it was\n", s.Address, s.Name, s.Was)
		return nil
	})
}
