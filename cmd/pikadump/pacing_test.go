package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// TestPaced: a run within all of its limits ends as any other.
func TestPaced(t *testing.T) {
	s := startPika(t, pikasim.Options{})
	out := filepath.Join(t.TempDir(), "dump")
	r := runCommand("dump", "--uri", s.Addr(), "--out", out, "--rate-keys", "1000000", "--rate-bytes", "1GiB", "--reply-time", "1s",
		"--max-latency-factor", "100000", "--window", "00:00-12:00,12:00-24:00", "--window", "08:00-09:00")
	if r.code != 0 || !strings.Contains(r.stderr, "the source answers PING in ") || strings.Contains(r.stderr, "paused") {
		t.Fatalf("exit code %d:\n%s", r.code, r.stderr)
	}
	if m, _ := dumped(t, out); len(m.Totals) == 0 {
		t.Error("the dump is empty")
	}
}

// TestLatencyLost: a source that does not answer when its latency is measured is one to try again.
func TestLatencyLost(t *testing.T) {
	var pings atomic.Int64
	s := startPika(t, pikasim.Options{Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		return nil, false, strings.EqualFold(string(args[0]), "PING") && pings.Add(1) == 6
	}})
	out := filepath.Join(t.TempDir(), "dump")
	runCommand("dump", "--uri", s.Addr(), "--out", out, "--quiet", "--max-latency-factor", "3").
		failed(t, 75, "measure the source's latency", "connection lost at PING")
}

// TestOutsideOfWindow: the run looks at the source, says once that it waits, and can be stopped.
func TestOutsideOfWindow(t *testing.T) {
	s := startPika(t, pikasim.Options{})
	out := filepath.Join(t.TempDir(), "dump")
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
