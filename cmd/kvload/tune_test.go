package main

import (
	"bytes"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/tune"
)

var (
	tuned   = []string{"log-level=warning", "rocksdb.max_background_jobs=8"}
	untuned = []string{"log-level=info", "rocksdb.max_background_jobs=4"}
)

func TestTune(t *testing.T) {
	dir := makeDump(t, []format.Record{text("a", "1"), hash("h", "f", "v")})
	t.Run("sets and sets back", func(t *testing.T) {
		k := startKvrocks(t)
		state := filepath.Join(t.TempDir(), "state")
		r := runCommand("load", "--uri", k.Addr(), "--in", dir, "--state", state, "--tune")
		if r.code != 0 {
			t.Fatalf("%d: %s", r.code, r.stderr)
		}
		if got, want := k.changes(), slices.Concat(tuned, []string{"COMPACT"}, untuned); !slices.Equal(got, want) {
			t.Errorf("changes %v, want %v", got, want)
		}
		for _, want := range []string{"CONFIG SET log-level warning (it was info)", "CONFIG SET rocksdb.max_background_jobs 8 (it was 4)",
			": COMPACT; it runs", "CONFIG SET log-level info, as it was"} {
			if !strings.Contains(r.stderr, want) {
				t.Errorf("it does not say %q:\n%s", want, r.stderr)
			}
		}
		if _, err := os.Stat(filepath.Join(state, tune.FileName)); err == nil {
			t.Error("the file of the settings is still there")
		}
	})
	t.Run("not asked for", func(t *testing.T) {
		k := startKvrocks(t)
		if r := runCommand("load", "--uri", k.Addr(), "--in", dir, "--state", t.TempDir()); r.code != 0 || k.changes() != nil {
			t.Errorf("%d, changes: %s", r.code, r.stderr)
		}
	})
	t.Run("one cannot be changed", func(t *testing.T) {
		k := startKvrocks(t)
		k.fixed = tune.LogLevel
		r := runCommand("load", "--uri", k.Addr(), "--in", dir, "--state", t.TempDir(), "--tune")
		if want := []string{tuned[1], "COMPACT", untuned[1]}; r.code != 0 || !slices.Equal(k.changes(), want) || !strings.Contains(r.stderr, "log-level stays info") {
			t.Errorf("%d: %s", r.code, r.stderr)
		}
	})
	t.Run("a load that fails", func(t *testing.T) {
		k := startKvrocks(t)
		t.Chdir(t.TempDir())
		writing, over := make(chan struct{}), make(chan struct{})
		k.writing, k.over = writing, over
		go func() {
			<-writing
			k.change(func() {
				k.SetConfig(tune.BackgroundJobs, "16") // somebody else's
				k.full, k.writing = true, nil
			})
			close(over)
		}()
		bad := makeDump(t, []format.Record{hash("h", "f", "v"), hash("i", "f", "v")})
		r := runCommand("load", "--uri", k.Addr(), "--in", bad, "--state", t.TempDir(), "--tune", "--threads", "1")
		if r.code != 75 || !strings.Contains(r.stderr, "rocksdb.max_background_jobs of the target is 16 now") {
			t.Errorf("%d: %s", r.code, r.stderr)
		}
		if k.Config(tune.LogLevel) != "info" || k.Config(tune.BackgroundJobs) != "16" {
			t.Errorf("settings %s, %s", k.Config(tune.LogLevel), k.Config(tune.BackgroundJobs))
		}
	})
	t.Run("of a Redis", func(t *testing.T) {
		m := startTarget(t)
		if r := runCommand("load", "--uri", m.Addr(), "--in", dir, "--state", t.TempDir(), "--tune"); r.code != 0 || !strings.Contains(r.stderr, "--tune does nothing") {
			t.Errorf("%d: %s", r.code, r.stderr)
		}
	})
	t.Run("with a token", func(t *testing.T) {
		k := startKvrocks(t)
		k.SetPassword(password)
		k.AddNamespace("ns", token)
		runCommand("load", "--uri", k.Addr(), "--in", dir, "--state", t.TempDir(), "--tune", "--pass", token).failed(t, 5, "tune: the server refuses CONFIG", "requirepass")
	})
}

// hang starts a load with --tune that waits for the target in its middle.
func (k *kvrocks) hang(t *testing.T, args ...string) (cmd *exec.Cmd, stderr *bytes.Buffer, letGo func()) {
	t.Helper()
	writing, over := make(chan struct{}), make(chan struct{})
	k.change(func() { k.writing, k.over = writing, over })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd, stderr = exec.Command(self, append(args, "--tune")...), new(bytes.Buffer)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-writing:
	case <-time.After(time.Minute):
		t.Fatal("it does not begin to write")
	}
	return cmd, stderr, func() {
		k.change(func() { k.writing = nil })
		close(over)
	}
}

// TestTuneStopped: Ctrl-C sets back as well, and so do the other signals that end a run, such as
// that of a terminal that is gone.
func TestTuneStopped(t *testing.T) {
	dir := makeDump(t, []format.Record{text("a", "1"), hash("h", "f", "v")})
	heard := make(chan os.Signal, 1) // what nohup ignores, the processes of this one would ignore as well
	signal.Notify(heard, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(heard) })
	for sig, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGHUP: 129} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel() // each waits for a reply that does not come, as long as a run may
			k := startKvrocks(t)
			state := filepath.Join(t.TempDir(), "state")
			cmd, stderr, letGo := k.hang(t, "load", "--uri", k.Addr(), "--in", dir, "--state", state)
			defer letGo()
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			if got, want := k.changes(), slices.Concat(tuned, untuned); cmd.ProcessState.ExitCode() != code || !slices.Equal(got, want) {
				t.Errorf("exit code %d, changes %v, want %v: %s", cmd.ProcessState.ExitCode(), got, want, stderr)
			}
			if _, err := os.Stat(filepath.Join(state, tune.FileName)); err == nil {
				t.Error("the file of the settings is still there")
			}
		})
	}
}

// TestTuneKilled: what a run that was killed has changed, the next sets back, whatever it is.
func TestTuneKilled(t *testing.T) {
	dir := makeDump(t, []format.Record{text("a", "1"), hash("h", "f", "v")})
	for _, tc := range []struct {
		name string
		next []string
		want []string // changes of the next run
	}{
		{"then --tune", []string{"--resume", "--tune"}, slices.Concat(untuned, tuned, []string{"COMPACT"}, untuned)},
		{"then without", []string{"--resume"}, untuned},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k := startKvrocks(t)
			state := filepath.Join(t.TempDir(), "state")
			args := []string{"load", "--uri", k.Addr(), "--in", dir, "--state", state}
			cmd, _, letGo := k.hang(t, args...)
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			letGo()
			if got := k.changes(); !slices.Equal(got, tuned) {
				t.Fatalf("before it was killed: %v", got)
			}
			if r := runCommand(append(args, "--dry-run", "--resume")...); !strings.Contains(r.stdout, "did not set them back") {
				t.Errorf("the dry run: %s", r.stdout)
			}
			r := runCommand(append(args, tc.next...)...)
			if got := k.changes(); r.code != 0 || !slices.Equal(got, tc.want) {
				t.Errorf("%d, changes %v, want %v: %s", r.code, got, tc.want, r.stderr)
			}
			if _, err := os.Stat(filepath.Join(state, tune.FileName)); err == nil {
				t.Error("the file of the settings is still there")
			}
		})
	}
}
