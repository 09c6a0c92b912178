package main

import (
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

func TestRequireConsistent(t *testing.T) {
	var write atomic.Pointer[redis.Client]
	s := startPika(t, pikasim.Options{Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		if c := write.Load(); c != nil && inScan(args, "PKSCANRANGE HASH") && write.CompareAndSwap(c, nil) {
			c.Set(t.Context(), "new", "v", 0)
		}
		return nil, false, false
	}})
	out := filepath.Join(t.TempDir(), "dump")
	if r := runCommand("dump", "--uri", s.Addr(), "--out", out, "--require-consistent"); r.code != 0 {
		t.Errorf("without writes: exit code %d:\n%s", r.code, r.stderr)
	}
	if r := runCommand("dump", "--uri", s.Addr(), "--out", out, "--require-consistent", "--resume"); r.code != 0 {
		t.Errorf("without writes, again: exit code %d:\n%s", r.code, r.stderr)
	}

	c := redis.NewClient(&redis.Options{Addr: s.Addr(), Protocol: 2, DisableIdentity: true})
	defer c.Close()
	write.Store(c)
	out = filepath.Join(t.TempDir(), "dump")
	says := []string{"the dump is finished, but --require-consistent is not met", "writes happened", "db0"}
	runCommand("dump", "--uri", s.Addr(), "--out", out, "--require-consistent").failed(t, 3, says...)
	if !slices.Contains(files(t, out), "manifest.json") {
		t.Error("the dump is not finished")
	}
	runCommand("dump", "--uri", s.Addr(), "--out", out, "--require-consistent", "--resume").failed(t, 3, says...)
	if r := runCommand("dump", "--uri", s.Addr(), "--out", out, "--resume"); r.code != 0 {
		t.Errorf("not required: exit code %d:\n%s", r.code, r.stderr)
	}

	c.ConfigSet(t.Context(), "write-binlog", "no")
	out = filepath.Join(t.TempDir(), "dump")
	runCommand("dump", "--uri", s.Addr(), "--out", out, "--require-consistent").failed(t, 3, "--require-consistent is not met", "cannot be told")
}
