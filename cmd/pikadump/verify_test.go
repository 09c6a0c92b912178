package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pikasim"
)

func TestVerifyUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{nil, "--in is missing"},
		{[]string{"--in", "d", "--rounds", "0"}, "--rounds"},
		{[]string{"--in", "d", "--sample", "x"}, "--sample"},
		{[]string{"--in", "d", "--threads", "-1"}, "--threads"},
		{[]string{"--in", "d", "--timeout", "-1s"}, "--timeout"},
		{[]string{"--in", "d", "x"}, "not a flag"},
	} {
		runCommand(append([]string{"verify"}, c.args...)...).failed(t, exitcode.Usage, c.says)
	}
}

// TestVerifyMany compares many chunks with many workers, in several rounds, whose connections
// outlive the round that opened them.
func TestVerifyMany(t *testing.T) {
	server, err := pikasim.Start(pikasim.Options{Version: pikasim.V355})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	c := redis.NewClient(&redis.Options{Addr: server.Addr(), Protocol: 2, DisableIdentity: true})
	t.Cleanup(func() { _ = c.Close() })
	do := func(args ...any) {
		t.Helper()
		if err := c.Do(context.Background(), args...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 40 {
		do("SET", fmt.Sprintf("s%03d", i), strings.Repeat("x", 10_000))
		do("HSET", fmt.Sprintf("h%03d", i), "f", strings.Repeat("x", 10_000))
	}
	dir := filepath.Join(t.TempDir(), "dump")
	if r := runCommand("dump", "--quiet", "--uri", "redis://"+server.Addr(), "--out", dir, "--chunk-size", "64KiB"); r.code != 0 {
		t.Fatal(r.stderr)
	}
	verify := []string{"verify", "--quiet", "--uri", "redis://" + server.Addr(), "--in", dir, "--threads", "4", "--rounds", "3"}
	if r := runCommand(verify...); r.code != exitcode.Done || !strings.Contains(r.stdout, "compared 80 keys") {
		t.Fatalf("%d\n%s%s", r.code, r.stdout, r.stderr)
	}
	do("DEL", "s007")
	do("HSET", "h011", "f", "y")
	if r := runCommand(verify...); r.code != exitcode.Different || !strings.Contains(r.stderr, "2 of 80 keys have changed") {
		t.Errorf("%d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

func TestVerifyNoDump(t *testing.T) {
	runCommand("verify", "--in", t.TempDir()).failed(t, exitcode.NoDump, "no finished dump")
}
