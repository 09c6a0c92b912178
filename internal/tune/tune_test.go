package tune

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/alicebob/miniredis/v2/server"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// A fake is a Kvrocks of which commands are noted, and can be refused.
type fake struct {
	*minitarget.Kvrocks
	target *target.Target

	mu      sync.Mutex
	said    []string          // CONFIG SET and COMPACT, in order
	refuse  string            // a command, or its first arguments, that is refused
	settled map[string]string // that CONFIG GET answers instead
}

func start(t *testing.T) *fake {
	t.Helper()
	f := &fake{}
	f.Kvrocks = minitarget.StartKvrocks(t, minitarget.Options{Before: f.hook})
	f.target = connect(t, f.Addr())
	return f
}

func connect(t *testing.T, addr string) *target.Target {
	t.Helper()
	tg, err := target.Open(t.Context(), target.Options{Addr: addr})
	if err != nil {
		t.Fatal(err)
	}
	return tg
}

func (f *fake) hook(c *server.Peer, cmd string, args ...string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	line := strings.Join(append([]string{strings.ToUpper(cmd)}, args...), " ")
	if f.refuse != "" && strings.HasPrefix(line, f.refuse) {
		c.WriteError("ERR not now")
		return true
	}
	if name, ok := strings.CutPrefix(line, "CONFIG GET "); ok && f.settled[name] != "" {
		c.WriteStrings([]string{name, f.settled[name]})
		return true
	}
	if set, ok := strings.CutPrefix(line, "CONFIG SET "); ok {
		f.said = append(f.said, set)
	} else if line == "COMPACT" {
		f.said = append(f.said, line)
	}
	return false
}

// answer sets what CONFIG GET answers beside what the server has, and what is refused.
func (f *fake) answer(settled map[string]string, refuse string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.settled, f.refuse = settled, refuse
}

func (f *fake) changes(t *testing.T, want ...string) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Equal(f.said, want) {
		t.Errorf("the server was told %q, want %q", f.said, want)
	}
	f.said = nil
}

func left(t *testing.T, dir string) bool {
	t.Helper()
	_, err := os.Stat(filepath.Join(dir, FileName))
	return err == nil
}

const (
	quiet, loud = LogLevel + " warning", LogLevel + " info"
	more, fewer = BackgroundJobs + " 8", BackgroundJobs + " 4"
)

// TestWith: the server is tuned while f runs, with a file that says what it was, and set back
// however f ends; it compacts only what was loaded.
func TestWith(t *testing.T) {
	f, dir := start(t), t.TempDir()
	var log bytes.Buffer
	err := With(t.Context(), f.target, dir, &log, func() error {
		f.changes(t, quiet, more)
		if !left(t, dir) {
			t.Error("there is no file that says what the settings were")
		}
		return nil
	})
	if err != nil || left(t, dir) {
		t.Errorf("%v, the file is there: %v", err, left(t, dir))
	}
	f.changes(t, "COMPACT", loud, fewer)
	if !strings.Contains(log.String(), "STARTED AT THE TARGET "+f.Addr()+": COMPACT") {
		t.Error(log.String())
	}

	failed := errors.New("the load failed")
	if err := With(t.Context(), f.target, dir, &log, func() error { return failed }); !errors.Is(err, failed) || left(t, dir) {
		t.Errorf("%v, the file is there: %v", err, left(t, dir))
	}
	f.changes(t, quiet, more, loud, fewer)
}

// TestInterrupted: a context that is done does not keep it from setting back.
func TestInterrupted(t *testing.T) {
	f, dir := start(t), t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	err := With(ctx, f.target, dir, &bytes.Buffer{}, func() error {
		cancel()
		return context.Cause(ctx)
	})
	if !errors.Is(err, context.Canceled) || left(t, dir) {
		t.Errorf("%v, the file is there: %v", err, left(t, dir))
	}
	f.changes(t, quiet, more, loud, fewer)
}

// TestPlan: what is good as it is, and what nobody knows, is left alone; jobs are never lowered,
// nor raised beyond what a Kvrocks takes.
func TestPlan(t *testing.T) {
	for name, c := range map[string]struct {
		settled map[string]string
		want    []string // but COMPACT
	}{
		"good":          {map[string]string{LogLevel: "warning", BackgroundJobs: "8"}, nil},
		"more jobs":     {map[string]string{LogLevel: "error", BackgroundJobs: "20"}, nil},
		"many workers":  {map[string]string{"workers": "64"}, []string{quiet, BackgroundJobs + " 32"}},
		"jobs unset":    {map[string]string{BackgroundJobs: "-1"}, []string{quiet}},
		"no number":     {map[string]string{"workers": "many"}, []string{quiet}},
		"debugged":      {map[string]string{LogLevel: "debug"}, []string{more}},
		"only the jobs": {map[string]string{LogLevel: "warning"}, []string{more}},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t)
			f.answer(c.settled, "")
			var log bytes.Buffer
			err := With(t.Context(), f.target, t.TempDir(), &log, func() error {
				f.changes(t, c.want...)
				f.answer(nil, "") // they are what was set
				return nil
			})
			if err != nil {
				t.Errorf("%v: %s", err, log.String())
			}
			if c.want == nil && !strings.Contains(log.String(), "good as they are") {
				t.Error(log.String())
			}
		})
	}
}

// TestRefused: a setting that the server refuses to change stays, and the load goes on; if it
// refuses to say what its settings are, or to compact, that is an error and a warning.
func TestRefused(t *testing.T) {
	f, dir := start(t), t.TempDir()
	var log bytes.Buffer
	f.answer(nil, "CONFIG SET "+LogLevel)
	if err := With(t.Context(), f.target, dir, &log, func() error { return nil }); err != nil || left(t, dir) {
		t.Errorf("%v, the file is there: %v", err, left(t, dir))
	}
	f.changes(t, more, "COMPACT", fewer)
	if !strings.Contains(log.String(), LogLevel+" stays info") {
		t.Error(log.String())
	}

	f.answer(nil, "COMPACT")
	if err := With(t.Context(), f.target, dir, &log, func() error { return nil }); err != nil {
		t.Error(err)
	}
	f.changes(t, quiet, more, loud, fewer)
	if !strings.Contains(log.String(), "warning: --tune: COMPACT was not started") {
		t.Error(log.String())
	}

	f.answer(nil, "CONFIG GET")
	ran := false
	if err := With(t.Context(), f.target, dir, &log, func() error { ran = true; return nil }); err == nil || !strings.Contains(err.Error(), "--tune") || ran {
		t.Errorf("%v, it ran: %v", err, ran)
	}
	f.changes(t)
}

// TestLeft: what a run that was killed has changed is known, refused at another target, reminded
// of, and set back by the next run.
func TestLeft(t *testing.T) {
	f, dir := start(t), t.TempDir()
	func() { // killed
		defer func() { recover() }()
		With(t.Context(), f.target, dir, &bytes.Buffer{}, func() error { panic("killed") })
	}()
	if !left(t, dir) {
		t.Fatal("there is no file")
	}
	f.changes(t, quiet, more)
	all, err := Left(f.target, dir)
	if err != nil || len(all) != 2 || all[0].Name != LogLevel || all[0].Was != "info" || all[0].Set != "warning" || all[0].Address != f.Addr() {
		t.Errorf("%+v, %v", all, err)
	}
	var log bytes.Buffer
	if Remind(dir, &log); !strings.Contains(log.String(), LogLevel) || !strings.Contains(log.String(), f.Addr()) {
		t.Errorf("it reminds of %q", log.String())
	}

	other := start(t)
	if _, err := Left(other.target, dir); !errors.Is(err, exitcode.ErrRefused) || !strings.Contains(err.Error(), "which is not loaded now") {
		t.Error(err)
	}
	if err := RestoreLeft(t.Context(), other.target, dir, &log); err == nil || !left(t, dir) {
		t.Errorf("%v, the file is there: %v", err, left(t, dir))
	}
	other.changes(t)

	log.Reset()
	if err := RestoreLeft(t.Context(), f.target, dir, &log); err != nil || left(t, dir) {
		t.Errorf("%v, the file is there: %v", err, left(t, dir))
	}
	f.changes(t, loud, fewer)
	if !strings.Contains(log.String(), "an earlier run changed settings") {
		t.Error(log.String())
	}
	if err := RestoreLeft(t.Context(), f.target, dir, &log); err != nil {
		t.Error(err)
	}
	if all, err := Left(f.target, filepath.Join(dir, "none")); err != nil || all != nil {
		t.Errorf("%+v, %v", all, err)
	}
	f.changes(t)
}

// TestSomebodyElse: what somebody else has set meanwhile stays.
func TestSomebodyElse(t *testing.T) {
	f, dir := start(t), t.TempDir()
	var log bytes.Buffer
	err := With(t.Context(), f.target, dir, &log, func() error {
		f.answer(map[string]string{BackgroundJobs: "16"}, "")
		return nil
	})
	if err != nil || left(t, dir) {
		t.Errorf("%v, the file is there: %v", err, left(t, dir))
	}
	f.changes(t, quiet, more, "COMPACT", loud)
}

// TestRedis: one is left as it is.
func TestRedis(t *testing.T) {
	m, err := minitarget.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	ran := false
	if err := With(t.Context(), connect(t, m.Addr()), filepath.Join(t.TempDir(), "none"), &bytes.Buffer{}, func() error { ran = true; return nil }); err != nil || !ran {
		t.Errorf("%v, it ran: %v", err, ran)
	}
}
