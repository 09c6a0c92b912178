package main

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/faultproxy"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/s3server"
)

// terminated runs the command in a process of its own, sends SIGTERM as soon as it hangs, and
// returns what it said.
func terminated(t *testing.T, hangs func() bool, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = cmd.Wait() // the code says it
	}()
	for running := true; running && !hangs(); {
		select {
		case <-over:
			running = false
		case <-time.After(time.Millisecond):
		}
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	<-over
	if code := cmd.ProcessState.ExitCode(); code != 143 || !strings.Contains(stderr.String(), "stopped by terminated") {
		t.Errorf("exit code %d\n%s", code, &stderr)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// TestHangingTarget: a signal ends what reads the target, or removes from it, though the target
// does not answer any more.
func TestHangingTarget(t *testing.T) {
	dir := makeDump(t, []format.Record{text("a", "1"), hash("h", "f", "v"), text("s", "2")})
	m := startTarget(t)
	for _, tc := range []struct{ command, at string }{
		{"verify", "PEXPIRETIME"}, {"verify --keys-only", "STRLEN"}, {"verify --reverse", "SCAN"}, {"verify", "CLIENT"},
		{"finish", "PEXPIRETIME"}, {"finish --no-verify", "TYPE"},
		{"rollback", "PEXPIRETIME"}, {"rollback", "\r\nDEL\r\n"}, {"rollback --flush", "FLUSHDB"},
	} {
		t.Run(tc.command+" at "+strings.ReplaceAll(tc.at, "\r\n", " "), func(t *testing.T) {
			m.FlushAll()
			p, err := faultproxy.Start(m.Addr(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			flags := []string{"--uri", p.Addr(), "--in", dir, "--state", t.TempDir(), "--timeout", "1h"}
			runCommand(slices.Concat([]string{"load", "--quiet"}, flags)...).ended(t, 0)
			p.SetPlan(func(int) faultproxy.Plan { return faultproxy.Plan{HoldAt: tc.at} })
			command := slices.Concat(strings.Fields(tc.command), flags)
			terminated(t, func() bool { return p.Disturbed() > 0 }, command...)
			p.Release()
			p.SetPlan(func(int) faultproxy.Plan { return faultproxy.Plan{} })
			runCommand(command...).ended(t, 0)
		})
	}
}

// TestHangingBucket: a signal ends what looks into a dump though the bucket that holds it does not
// answer.
func TestHangingBucket(t *testing.T) {
	server := s3server.Start(t)
	dump := server.URL("dump")
	packed := runCommand("pack", "--quiet", makeDump(t, []format.Record{text("a", "1")}))
	var stderr bytes.Buffer
	if code := run([]string{"kvload", "unpack", "--quiet", "--out", dump}, strings.NewReader(packed.stdout), &stderr, &stderr); code != 0 {
		t.Fatal(&stderr)
	}
	for _, tc := range []struct{ command, at string }{
		{"inspect", "GET manifest"}, {"inspect", "HEAD manifest"}, {"check", "GET list"}, {"check", "GET chunk"}, {"pack", "GET chunk"},
		{"verify --uri 127.0.0.1:1 --in", "GET manifest"},
	} {
		t.Run(tc.command+" at "+tc.at, func(t *testing.T) {
			method, what, _ := strings.Cut(tc.at, " ")
			var hangs atomic.Bool
			server.SetFault(func(r *http.Request) s3server.Fault {
				list := strings.Contains(r.URL.RawQuery, "list-type")
				if r.Method != method || list != (what == "list") || !list && !strings.Contains(r.URL.Path, what) {
					return s3server.Fault{}
				}
				hangs.Store(true)
				return s3server.Fault{Delay: time.Hour}
			})
			r := terminated(t, hangs.Load, append(strings.Fields(tc.command), dump)...)
			if strings.Contains(r.stderr, "nothing has moved") {
				t.Errorf("it has waited:\n%s", r.stderr)
			}
		})
	}
}
