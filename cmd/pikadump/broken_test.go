package main

import (
	"bytes"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// inScan reports whether the command is one of the scan, as its words in capitals say, and
// not of the proof that the account may send it.
func inScan(args [][]byte, words string) bool {
	line := strings.ToUpper(string(bytes.Join(args, []byte(" "))))
	return strings.HasPrefix(line, words) && !strings.Contains(line, "PIKADUMP:PROBE")
}

// TestBrokenScan: what goes wrong in the middle of a scan ends it, names what was asked,
// and leaves an unfinished dump.
func TestBrokenScan(t *testing.T) {
	for _, tc := range []struct {
		name  string
		words string // of the command that is not answered as it should be
		reply string // empty: the connection is cut
		code  int
		says  []string
	}{
		{"cut when listing", "PKSCANRANGE HASH", "", 75, []string{"db0 hash", "connection lost at PKSCANRANGE hash"}},
		{"cut when reading", "PKHSCANRANGE", "", 75, []string{"db0 hash", "connection lost at"}},
		{"cut in the middle of a reply", "PKSCANRANGE HASH", "*2\r\n$0\r\n\r\n*1\r\n$50\r\nhalf", 75, []string{"connection lost at PKSCANRANGE hash"}},
		{"no list of keys", "PKSCANRANGE HASH", ":5\r\n", 1, []string{"db0 hash", "PKSCANRANGE", `":5"`}},
		{"error reply when listing", "PKSCANRANGE HASH", "-ERR IO error: no such file\r\n", 1, []string{"db0 hash", "ERR IO error: no such file"}},
		{"keys out of order", "PKSCANRANGE HASH", "*2\r\n$0\r\n\r\n*2\r\n$1\r\nb\r\n$1\r\na\r\n", 1, []string{`key "a" after "b"`, "not in byte order"}},
		{"unexpected expiry", "PTTL H", "$1\r\n5\r\n", 1, []string{`"h"`, "$1"}},
		{"not RESP", "PKSCANRANGE HASH", "HTTP/1.1 400 Bad Request\r\n", 75, []string{"PKSCANRANGE hash"}},
	} { // what a single key answers is listed, see unreadable_test.go of the reader
		t.Run(tc.name, func(t *testing.T) {
			s := startPika(t, pikasim.Options{Version: pikasim.V401, Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
				if !inScan(args, tc.words) {
					return nil, false, false
				}
				return []byte(tc.reply), true, tc.code == 75
			}})
			out := filepath.Join(t.TempDir(), "dump")
			r := runCommand("dump", "--uri", s.Addr(), "--out", out)
			r.failed(t, tc.code, append(tc.says, out+" holds an unfinished dump: --resume")...)
			unfinished(t, out)
			if !slices.Contains(files(t, out), "dump.json") {
				t.Errorf("no dump.json in %v", files(t, out))
			}
			runCommand("dump", "--uri", s.Addr(), "--out", out).failed(t, 5, "holds an unfinished dump")
		})
	}
}

// blocking starts a Pika that does not answer such a command until the test is over. It
// says so on the channel when it is asked.
func blocking(t *testing.T, words string) (*pikasim.Server, <-chan struct{}) {
	t.Helper()
	asked, over := make(chan struct{}, 16), make(chan struct{})
	s := startPika(t, pikasim.Options{Version: pikasim.V401, Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		if !inScan(args, words) {
			return nil, false, false
		}
		asked <- struct{}{}
		<-over
		return nil, true, true
	}})
	t.Cleanup(func() { close(over) })
	return s, asked
}

func TestNoReply(t *testing.T) {
	for _, tc := range []struct{ name, words, says string }{
		{"at the start", "INFO SERVER", "no reply to INFO server in time"},
		{"when listing", "PKSCANRANGE ZSET", "no reply to PKSCANRANGE zset in time"},
		{"when reading", "LRANGE", "no reply to one of 4 commands (LRANGE, TIME, PTTL), the last of them TIME"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, _ := blocking(t, tc.words)
			out := filepath.Join(t.TempDir(), "dump")
			r := runCommand("dump", "--uri", s.Addr(), "--out", out, "--timeout", "100ms")
			r.failed(t, 75, "source unavailable", "in time", tc.says)
			unfinished(t, out)
		})
	}
}

// TestNoReplyResumes: a command that hangs, as a Pika's do under its cache, is named, and the dump
// can be gone on with.
func TestNoReplyResumes(t *testing.T) {
	for _, words := range []string{"LRANGE", "PTTL", "SSCAN", "PKSCANRANGE SET"} {
		var answer atomic.Bool
		over := make(chan struct{})
		s := startPika(t, pikasim.Options{Version: pikasim.V401, Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
			if !inScan(args, words) || answer.Load() {
				return nil, false, false
			}
			<-over
			return nil, true, true
		}})
		t.Cleanup(func() { close(over) })
		out := filepath.Join(t.TempDir(), "dump")
		name, _, _ := strings.Cut(words, " ")
		r := runCommand("dump", "--uri", s.Addr(), "--out", out, "--timeout", "100ms")
		r.failed(t, 75, "source unavailable", "no reply to ", name, "in time", "--resume goes on with it")
		unfinished(t, out)
		answer.Store(true)
		if r := runCommand("dump", "--uri", s.Addr(), "--out", out, "--resume"); r.code != 0 {
			t.Errorf("%s: exit code %d:\n%s", words, r.code, r.stderr)
		}
		if m, _ := dumped(t, out); len(m.Skipped) > 0 {
			t.Errorf("%s: skipped %v", words, m.Skipped)
		}
	}
}

// heedHangups makes processes that a test starts end at SIGHUP, even if the tests run under nohup: what this process ignores,
// they ignore as well.
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
			s, asked := blocking(t, tc.words)
			out := filepath.Join(t.TempDir(), "dump")
			cmd := exec.Command(os.Args[0], "dump", "--uri", s.Addr(), "--out", out)
			cmd.Env = append(os.Environ(), asCommand+"=1")
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			<-asked
			if err := cmd.Process.Signal(tc.signal); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // the code says it
			result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}.failed(t, tc.code, tc.says...)
			unfinished(t, out)
		})
	}
}
