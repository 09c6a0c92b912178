package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/freeport"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// TestResumeFinished: a finished dump is left as it is.
func TestResumeFinished(t *testing.T) {
	parallel(t)
	s, h := simulateCrash(t, pikasim.V401)
	c := newCrasher(t, s, h)
	dir := filepath.Join(t.TempDir(), "dump")
	c.mustEnd(t, c.run(t, dir, "--resume"), "from nothing")
	before := fingerprints(t, dir)
	code, stderr := c.start(t, dir, "--resume").wait(t)
	if code != 3 || !strings.Contains(stderr, "finished already") || !strings.Contains(stderr, "skipped.jsonl") { // as the run that finished it
		t.Errorf("exit code %d of a finished dump\n%s", code, stderr)
	}
	code, stderr = c.start(t, dir, "--resume", "--type", "hash").wait(t)
	mustRefuse(t, code, stderr, 5)
	code, stderr = c.start(t, dir).wait(t)
	mustRefuse(t, code, stderr, 5)
	mustStay(t, dir, before)
	c.check(t, dir)
}

// TestResumeRefused: what differs from the dump that was begun is named, and nothing is changed.
func TestResumeRefused(t *testing.T) {
	parallel(t)
	addr := freeport.Addr()
	var server *pikasim.Server
	serve := func(v pikasim.Version, databases int) {
		t.Helper()
		if server != nil {
			if err := server.Close(); err != nil {
				t.Fatal(err)
			}
		}
		waitFor(t, "the address "+addr, func() bool { // what another test forks just now may keep it for a moment
			s, err := pikasim.Start(pikasim.Options{Addr: addr, Version: v, Databases: databases})
			if err == nil {
				server = s
			}
			return err == nil
		})
	}
	serve(pikasim.V355, 2)
	t.Cleanup(func() { _ = server.Close() })
	c := &crasher{s: source{addr: addr, version: pikasim.V355}}
	_, port, _ := net.SplitHostPort(addr)
	for _, d := range []struct {
		name      string
		version   pikasim.Version
		databases int
		begun     []string
		flags     []string
		says      string
	}{
		{"version", pikasim.V340, 2, nil, nil, `source version is "3.5.5", now it is "3.4.0"`},
		{"databases", pikasim.V355, 3, nil, nil, "number of databases is 2, now it is 3"},
		{"address", pikasim.V355, 2, nil, []string{"--uri", "redis://localhost:" + port}, "source address is"},
		{"db", pikasim.V355, 2, nil, []string{"--db", "1"}, "choice of databases is [0 1], now it is [1]"},
		{"type", pikasim.V355, 2, nil, []string{"--type", "hash"}, "choice of types is"},
		{"fewer types", pikasim.V355, 2, []string{"--type", "hash"}, []string{"--type", "set"}, "choice of types is [hash], now it is [set]"},
		{"match", pikasim.V355, 2, nil, []string{"--match", "a*"}, `--match is "", now it is "a*"`},
		{"other match", pikasim.V355, 2, []string{"--match", "a*"}, []string{"--match", "b*"}, `--match is "a*", now it is "b*"`},
	} {
		t.Run(d.name, func(t *testing.T) {
			serve(pikasim.V355, 2)
			dir := filepath.Join(t.TempDir(), "dump")
			if code := c.run(t, dir, d.begun...); code != 0 {
				t.Fatalf("exit code %d", code)
			}
			remove(t, filepath.Join(dir, "manifest.json"))
			before := fingerprints(t, dir)
			serve(d.version, d.databases)
			code, stderr := c.start(t, dir, append([]string{"--resume"}, d.flags...)...).wait(t)
			mustRefuse(t, code, stderr, 5)
			if !strings.Contains(stderr, d.says) {
				t.Errorf("stderr does not say %q:\n%s", d.says, stderr)
			}
			mustStay(t, dir, before)
		})
	}
}

// TestResumeLocked: two runs do not write one dump. The lock of a run that was killed is no
// obstacle.
func TestResumeLocked(t *testing.T) {
	parallel(t)
	s, h := simulateCrash(t, pikasim.V355)
	c := newCrasher(t, s, h)
	dir := filepath.Join(t.TempDir(), "dump")
	blocked, release := h.block(t, c.halfWay())
	first := c.start(t, dir)
	first.until(t, blocked)
	h.set(nil) // only what was asked before waits
	before := chunkFiles(t, dir)
	for _, flags := range [][]string{nil, {"--resume"}} {
		code, stderr := c.start(t, dir, flags...).wait(t)
		mustRefuse(t, code, stderr, 11)
		if want := fmt.Sprint("process ", first.cmd.Process.Pid); !strings.Contains(stderr, want) {
			t.Errorf("stderr does not say %q:\n%s", want, stderr)
		}
	}
	for _, p := range before {
		if _, err := os.Stat(p); err != nil {
			t.Errorf("the other runs removed a chunk: %v", err)
		}
	}
	first.kill()
	if code, stderr := first.wait(t); code != -1 {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	release()
	if _, err := os.Stat(filepath.Join(dir, ".lock")); err != nil {
		t.Errorf("the killed run left no lock: %v", err)
	}
	c.finish(t, dir)
}

// TestResumeSourceAway: a source that goes away stops a dump, which goes on when it is back.
func TestResumeSourceAway(t *testing.T) {
	parallel(t)
	for _, v := range []pikasim.Version{pikasim.V355, pikasim.V401} {
		t.Run(string(v), func(t *testing.T) {
			s, h := simulateCrash(t, v)
			c := newCrasher(t, s, h)
			o := newOutage(t, s.addr)
			c.s.addr = o.addr
			dir := filepath.Join(t.TempDir(), "dump")
			blocked, release := h.block(t, c.halfWay())
			p := c.start(t, dir)
			p.until(t, blocked)
			o.away()
			release()
			code, stderr := p.wait(t)
			mustStop(t, code, stderr, 75)
			code, stderr = c.start(t, dir, "--resume").wait(t)
			mustRefuse(t, code, stderr, 75)
			o.back()
			c.finish(t, dir)
		})
	}
}

// mustStop checks that a run ended with the code, and said that it can be resumed.
func mustStop(t *testing.T, code int, stderr string, want int) {
	t.Helper()
	if code != want || !strings.Contains(stderr, "--resume resumes it") {
		t.Fatalf("exit code %d, want %d\n%s", code, want, stderr)
	}
}

// TestResumeSignalled: a run that was told to stop is resumed.
func TestResumeSignalled(t *testing.T) {
	parallel(t)
	s, h := simulateCrash(t, pikasim.V401)
	c := newCrasher(t, s, h)
	for sig, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		t.Run(sig.String(), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "dump")
			blocked, release := h.block(t, c.halfWay())
			p := c.start(t, dir)
			p.until(t, blocked)
			if err := p.cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			code, stderr := p.wait(t)
			release()
			mustStop(t, code, stderr, want)
			for _, name := range allFiles(t, dir) {
				if strings.HasPrefix(filepath.Base(name), ".") {
					t.Errorf("%s is left over", name)
				}
			}
			c.finish(t, dir)
		})
	}
}

// TestResumeDiskFull: a dump that fills its disk goes on when there is room.
func TestResumeDiskFull(t *testing.T) {
	parallel(t)
	if os.Geteuid() != 0 {
		t.Skip("NOT ROOT: no small disk can be mounted, so that none gets full")
	}
	s, h := simulateCrash(t, pikasim.V355)
	c := newCrasher(t, s, h)
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("NO tmpfs CAN BE MOUNTED, so that no disk gets full: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, 0); err != nil {
			t.Error(err)
		}
	})
	dir := filepath.Join(disk, "dump")
	for i, size := range []string{"256k", "1m", "2m", "3m", "4m", "5m", "64m"} {
		if err := syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_REMOUNT, "size="+size); err != nil {
			t.Fatal(err)
		}
		code, stderr := c.start(t, dir, "--resume").wait(t)
		switch {
		case size == "64m":
			c.mustEnd(t, code, stderr)
		case i < 3: // the dump is larger
			mustStop(t, code, stderr, 75)
		case code != c.code:
			mustStop(t, code, stderr, 75)
		}
		if code == 75 && !strings.Contains(stderr, "the disk is full") {
			t.Errorf("stderr does not say that the disk is full:\n%s", stderr)
		}
		if code == c.code {
			break
		}
	}
	c.check(t, dir)
}
