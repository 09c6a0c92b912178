package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
)

// hold starts a Pika that does not answer such a command until it is released. It says so on the
// channel when it is asked.
func hold(t *testing.T, words string, o pikasim.Options) (s *pikasim.Server, asked <-chan struct{}, release func()) {
	t.Helper()
	heard, over := make(chan struct{}, 16), make(chan struct{})
	o.Intercept = func(_ int, args [][]byte) ([]byte, bool, bool) {
		if smallpika.IsOfScan(args, words) {
			heard <- struct{}{}
			<-over
		}
		return nil, false, false
	}
	s, release = smallpika.Start(t, o), sync.OnceFunc(func() { close(over) })
	t.Cleanup(release)
	return s, heard, release
}

// start starts the command as a process of its own.
func start(t *testing.T, cmd *exec.Cmd) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	cmd.Env = append(os.Environ(), asCommand+"=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, &stderr
}

// heedHangups makes processes that a test starts end at SIGHUP, even if the tests run under
// nohup: what this process ignores, they ignore as well.
func heedHangups(t *testing.T) {
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(heard) })
}

// TestSignals: the process ends at the first signal, whatever it waits for, and says so.
func TestSignals(t *testing.T) {
	heedHangups(t)
	for _, tc := range []struct {
		name   string
		words  string
		signal os.Signal
		code   int
		says   []string
	}{
		{"Ctrl-C in the scan", "PKSCANRANGE SET", os.Interrupt, 130, []string{"stopped by interrupt", "holds an unfinished dump"}},
		{"SIGTERM in the scan", "SSCAN", syscall.SIGTERM, 143, []string{"stopped by terminated", "holds an unfinished dump"}},
		{"Ctrl-C before the scan", "INFO SERVER", os.Interrupt, 130, []string{"stopped by interrupt"}},
		{"SIGTERM before the scan", "CONFIG", syscall.SIGTERM, 143, []string{"stopped by terminated"}},
		{"SIGHUP in the scan", "PKSCANRANGE SET", syscall.SIGHUP, 129, []string{"stopped by hangup", "holds an unfinished dump"}},
		{"SIGHUP before the scan", "INFO SERVER", syscall.SIGHUP, 129, []string{"stopped by hangup"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, asked, _ := hold(t, tc.words, pikasim.Options{Version: pikasim.V401})
			out := newDir(t)
			cmd, stderr := start(t, exec.Command(os.Args[0], "dump", "--uri", s.Addr(), "--out", out))
			<-asked
			if err := cmd.Process.Signal(tc.signal); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // the code says it
			result{code: cmd.ProcessState.ExitCode(), stderr: stderr.String()}.failed(t, tc.code, tc.says...)
			unfinished(t, out)
		})
	}
}

// isCacheBack checks that cache-model is set to 1, and that there is no file that says so in dir.
func isCacheBack(t *testing.T, s *pikasim.Server, dir, stderr string) {
	t.Helper()
	if got, err := smallpika.Client(t, s.Addr()).ConfigGet(t.Context(), "cache-model").Result(); err != nil || got["cache-model"] != "1" {
		t.Errorf("cache-model is %v, %v", got, err)
	}
	if !strings.Contains(stderr, "CONFIG SET cache-model 0 (it was 1)") || !strings.Contains(stderr, "CONFIG SET cache-model 1, as it was") {
		t.Errorf("it does not say that it is set back:\n%s", stderr)
	}
	if slices.Contains(files(t, dir), storage.SettingsName) {
		t.Error("the file of the settings is still there")
	}
}

// TestSourceCacheStopped: each signal that ends a run sets it back, also where the dump, and with
// it the file that says what it was, is in a bucket.
func TestSourceCacheStopped(t *testing.T) {
	heedHangups(t)
	server := s3server.Start(t)
	for sig, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGHUP: 129} {
		for _, bucket := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, bucket %v", sig, bucket), func(t *testing.T) {
				s, asked, _ := hold(t, "PKSCANRANGE HASH", pikasim.Options{})
				out := newDir(t)
				dir := out
				if bucket {
					prefix := fmt.Sprintf("dump-%d", sig)
					out, dir = server.URL(prefix), server.Dir(prefix)
				}
				cmd, stderr := start(t, exec.Command(os.Args[0], "dump", "--uri", s.Addr(), "--out", out, "--source-cache-off"))
				<-asked
				if err := cmd.Process.Signal(sig); err != nil {
					t.Fatal(err)
				}
				_ = cmd.Wait()
				if got := cmd.ProcessState.ExitCode(); got != code {
					t.Errorf("exit code %d:\n%s", got, stderr)
				}
				isCacheBack(t, s, dir, stderr.String())
			})
		}
	}
}

// TestSourceCacheKilled: the run after one that was killed sets it back.
func TestSourceCacheKilled(t *testing.T) {
	s, asked, release := hold(t, "PKSCANRANGE HASH", pikasim.Options{})
	out := newDir(t)
	cmd, first := start(t, exec.Command(os.Args[0], "dump", "--uri", s.Addr(), "--out", out, "--source-cache-off"))
	<-asked
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	release()
	r := runCommand("dump", "--uri", s.Addr(), "--out", out, "--resume")
	if r.code != 0 {
		t.Errorf("exit code %d", r.code)
	}
	isCacheBack(t, s, out, first.String()+r.stderr)
}

// TestNohup: what is started to outlive its terminal goes on when that is gone.
func TestNohup(t *testing.T) {
	s, asked, release := hold(t, "PKSCANRANGE HASH", pikasim.Options{})
	out := newDir(t)
	cmd, stderr := start(t, exec.Command("sh", "-c", `trap "" HUP; exec "$@"`, "sh", os.Args[0], "dump", "--uri", s.Addr(), "--out", out, "--source-cache-off"))
	<-asked
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	release()
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, stderr)
	}
	isCacheBack(t, s, out, stderr.String())
}

// TestStreamStopped: each signal that ends a run removes the spool.
func TestStreamStopped(t *testing.T) {
	heedHangups(t)
	for sig, code := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143, syscall.SIGHUP: 129} {
		t.Run(sig.String(), func(t *testing.T) {
			s, asked, _ := hold(t, "PKSCANRANGE SET", pikasim.Options{})
			spool := t.TempDir()
			cmd, stderr := start(t, exec.Command(os.Args[0], "dump", "--uri", s.Addr(), "--out", "-", "--spool", spool))
			<-asked
			if made, _ := os.ReadDir(spool); len(made) != 1 {
				t.Errorf("the spool holds %v", made)
			}
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			result{code: cmd.ProcessState.ExitCode(), stderr: stderr.String()}.failed(t, code, "dump again")
			if left, _ := os.ReadDir(spool); len(left) > 0 {
				t.Errorf("%v is left in the spool", left)
			}
		})
	}
}

// TestOutsideOfWindow: the run looks at the source, says once that it waits, and can be stopped.
func TestOutsideOfWindow(t *testing.T) {
	s := smallpika.Start(t, pikasim.Options{})
	out := newDir(t)
	start := time.Now().Add(6 * time.Hour)
	cmd := exec.Command(os.Args[0], "dump", "--uri", s.Addr(), "--out", out, "--quiet",
		"--window", start.Format("15:04")+"-"+start.Add(time.Hour).Format("15:04"))
	cmd.Env = append(os.Environ(), asCommand+"=1")
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	const paused = "it is outside of --window"
	var all strings.Builder
	lines := bufio.NewReader(io.TeeReader(pipe, &all))
	for !strings.Contains(all.String(), paused) {
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatalf("it does not pause: %v\n%s", err, all.String())
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, lines)
	_ = cmd.Wait()
	r := result{cmd.ProcessState.ExitCode(), "", all.String()}
	r.failed(t, 130, "stopped by interrupt", "--resume")
	if n := strings.Count(r.stderr, paused); n != 1 {
		t.Errorf("it says %d times that it waits:\n%s", n, r.stderr)
	}
	if n := s.Commands()["pkhscanrange"]; n != 1 { // the proof that it may be sent
		t.Errorf("outside of the window %d hashes were read", n-1)
	}
	unfinished(t, out)
}
