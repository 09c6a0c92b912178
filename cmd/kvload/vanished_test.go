package main

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync/atomic"
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

// TestVanishedStream: so is that of a dump that can be read only once.
func TestVanishedStream(t *testing.T) {
	var stream, log bytes.Buffer
	if code := run([]string{"kvload", "pack", "--quiet", makeDumpOf(t, 20_000, wideTexts(200))}, strings.NewReader(""), &stream, &log); code != 0 {
		t.Fatal(log.String())
	}
	for flush, want := range map[bool]int{false: 0, true: 4} {
		m := startTarget(t)
		hook := minitarget.Hook()
		var sets atomic.Int64
		m.Server().SetPreHook(func(c *server.Peer, cmd string, args ...string) bool {
			if sets.Add(1) == 150 && flush {
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

// TestRestarted: a Redis that is restarted under a load may have lost what it acknowledged. One
// that lost all is not loaded further.
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
