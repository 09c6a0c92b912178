package main

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2/server"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/faultproxy"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/redisserver"
)

// wideTexts returns strings of 1 kB.
func wideTexts(n int) (records []format.Record) {
	for i := range n {
		records = append(records, text(fmt.Sprintf("k%04d", i), noise(1000 + 997*i)[997*i:]))
	}
	return records
}

// TestVanished: a load whose target is emptied in its middle, over whatever connections, is not called done.
func TestVanished(t *testing.T) {
	dir := makeDumpOf(t, 20_000, wideTexts(200))
	const says = "sampled keys that were loaded are not on the target"
	for _, tc := range []struct {
		name   string
		at     int  // SETs before
		closes bool // the connection is lost
		some   bool // only one key is deleted
		code   int
		says   string
		resume int
	}{
		{"nothing", 0, false, false, 0, "", 0},
		{"flushed", 150, false, false, 4, says, 4},
		{"flushed early", 2, false, false, 4, says, 4},
		{"one key is deleted", 150, false, true, 4, "1 of ", 4},
		{"flushed behind a lost connection", 150, true, false, 5, "was it emptied?", 5},
		{"flushed early behind a lost connection", 30, true, false, 5, "was it emptied?", 5},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := startTarget(t)
			hook, sets := minitarget.Hook(), 0
			m.Server().SetPreHook(func(c *server.Peer, cmd string, args ...string) bool {
				if cmd != "SET" && cmd != "MSET" || strings.HasPrefix(args[0], "kvload-probe-") {
					return hook(c, cmd, args...)
				}
				if sets++; sets != tc.at {
					return false
				}
				if tc.some {
					m.Del("k0000")
				} else {
					m.FlushAll()
				}
				if tc.closes {
					c.Close()
				}
				return tc.closes
			})
			flags := []string{"--uri", "redis://" + m.Addr(), "--in", dir, "--state", filepath.Join(t.TempDir(), "state"), "--threads", "1", "--pipeline", "1"}
			load := append([]string{"load"}, flags...)
			first := runCommand(load...)
			if first.code != tc.code || !strings.Contains(first.stderr, tc.says) {
				t.Fatalf("exit code %d, %d SETs:\n%s", first.code, sets, first.stderr)
			}
			if tc.code == 5 {
				m.FlushAll()
			}
			if r := runCommand(append(load, "--resume")...); r.code != tc.resume || !strings.Contains(r.stderr, tc.says) {
				t.Errorf("--resume: exit code %d:\n%s", r.code, r.stderr)
			}
			if tc.code == 5 {
				return
			}
			if r := runCommand(append([]string{"finish", "--no-verify"}, flags[:6]...)...); r.code != tc.code {
				t.Errorf("finish: exit code %d:\n%s", r.code, r.stderr)
			}
			for _, rec := range wideTexts(200) {
				if err := m.Set(string(rec.Key), string(rec.Value)); err != nil {
					t.Fatal(err)
				}
			}
			if r := runCommand(append(load, "--resume", "--verify")...); r.code != 0 {
				t.Errorf("--verify finds all: exit code %d:\n%s", r.code, r.stderr)
			}
		})
	}
}

// TestVanishedStream: so is that of a dump that can be read only once.
func TestVanishedStream(t *testing.T) {
	var stream, log bytes.Buffer
	if code := run([]string{"kvload", "pack", "--quiet", makeDumpOf(t, 20_000, wideTexts(200))}, strings.NewReader(""), &stream, &log); code != 0 {
		t.Fatal(log.String())
	}
	for flush, want := range map[bool]int{false: 0, true: 4} {
		m := startTarget(t)
		hook, sets := minitarget.Hook(), 0
		m.Server().SetPreHook(func(c *server.Peer, cmd string, args ...string) bool {
			if sets++; sets == 150 && flush {
				m.FlushAll()
			}
			return hook(c, cmd, args...)
		})
		log.Reset()
		load := []string{"kvload", "load", "--uri", "redis://" + m.Addr(), "--in", "-", "--state", filepath.Join(t.TempDir(), "state"), "--threads", "1", "--pipeline", "1"}
		if code := run(load, bytes.NewReader(stream.Bytes()), io.Discard, &log); code != want {
			t.Errorf("flushed %v: exit code %d, want %d:\n%s", flush, code, want, log.String())
		}
	}
}

// A watcher is a log that tells of the first line with a text.
type watcher struct {
	bytes.Buffer
	text string
	tell func()
}

func (w *watcher) Write(p []byte) (int, error) {
	if w.tell != nil && bytes.Contains(p, []byte(w.text)) {
		w.tell()
		w.tell = nil
	}
	return w.Buffer.Write(p)
}

// TestRestarted: a Redis that is restarted under a load may have lost what it acknowledged. One that lost all is not loaded further.
func TestRestarted(t *testing.T) {
	dir := makeDumpOf(t, 20_000, wideTexts(200))
	for _, tc := range []struct {
		name string
		keep []string
		code int
		says string
	}{
		{"nothing is lost", []string{"--appendonly", "yes", "--appendfsync", "always"}, 4, "was restarted, and may have lost what it had acknowledged"},
		{"all is lost", nil, 5, "was it emptied?"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			args := append([]string{"--dir", t.TempDir()}, tc.keep...)
			s := redisserver.Start(t, args...)
			p, err := faultproxy.Start(s.Addr, func(int) faultproxy.Plan { return faultproxy.Plan{ResetAfter: 100_000} })
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(p.Close)
			w := &watcher{text: "again in", tell: func() {
				s.Kill()
				redisserver.StartAt(t, s.Addr, args...)
				p.SetPlan(func(int) faultproxy.Plan { return faultproxy.Plan{} })
			}}
			load := []string{"kvload", "load", "--uri", "redis://" + p.Addr(), "--in", dir, "--state", filepath.Join(t.TempDir(), "state"), "--threads", "1", "--pipeline", "8"}
			if code := run(load, strings.NewReader(""), io.Discard, w); code != tc.code || !strings.Contains(w.String(), tc.says) || w.tell != nil {
				t.Fatalf("exit code %d:\n%s", code, w.String())
			}
			if r := runCommand(append(load[1:], "--resume")...); r.code != tc.code || !strings.Contains(r.stderr, tc.says) {
				t.Errorf("--resume: exit code %d:\n%s", r.code, r.stderr)
			}
		})
	}
}
