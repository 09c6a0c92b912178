package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/faultproxy"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// TestResumeAnotherPika: a dump is not resumed from another Pika at the same address. One whose binlog is not behind may be
// the same restarted, but nothing is said of writes.
func TestResumeAnotherPika(t *testing.T) {
	for _, v := range []pikasim.Version{pikasim.V340, pikasim.V355, pikasim.V401} {
		first := startPika(t, pikasim.Options{Version: v})
		same := startPika(t, pikasim.Options{Version: v})
		empty, err := pikasim.Start(pikasim.Options{Version: v})
		if err != nil {
			t.Fatal(err)
		}
		defer empty.Close()
		p, err := faultproxy.Start(first.Addr(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		dir := filepath.Join(t.TempDir(), "dump")
		args := []string{"dump", "--uri", p.Addr(), "--out", dir}
		if r := runCommand(args...); r.code != 0 || !strings.Contains(r.stderr, "no write happened") {
			t.Fatal(r.code, r.stderr)
		}
		if err := os.Remove(filepath.Join(dir, "manifest.json")); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--resume")
		before := files(t, dir)
		p.SetTarget(empty.Addr())
		runCommand(args...).failed(t, 5, "the binlog of db0 was at", "now is at 0 0", "dump into another directory")
		if got := files(t, dir); !slices.Equal(got, before) {
			t.Errorf("%v, want %v", got, before)
		}
		p.SetTarget(same.Addr())
		r := runCommand(args...)
		if r.code != 0 || !strings.Contains(r.stderr, "consistency: cannot be told") || strings.Contains(r.stderr, "took its address: if") != (v != pikasim.V340) {
			t.Error(v, r.code, r.stderr)
		}
	}
}

// TestAnotherPikaMeanwhile: a run whose connections are lost does not go on with another Pika, however long --retry-for is. When
// the address leads to the first one again the dump can be resumed, and holds nothing of the other.
func TestAnotherPikaMeanwhile(t *testing.T) {
	var p *faultproxy.Proxy
	var swap atomic.Pointer[string]
	first := startPika(t, pikasim.Options{Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		if to := swap.Load(); to != nil && inScan(args, "PKHSCANRANGE") && swap.CompareAndSwap(to, nil) {
			p.SetTarget(*to)
			p.Cut()
		}
		return nil, false, false
	}})
	c := redis.NewClient(&redis.Options{Addr: first.Addr(), Protocol: 2, DisableIdentity: true})
	defer c.Close()
	if err := c.Set(t.Context(), "more", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	other := startPika(t, pikasim.Options{})
	var err error
	p, err = faultproxy.Start(first.Addr(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	dir := filepath.Join(t.TempDir(), "dump")
	args := []string{"dump", "--uri", p.Addr(), "--out", dir, "--retry-for", "1h"}
	to := other.Addr()
	swap.Store(&to)
	runCommand(args...).failed(t, 5, "another Pika than before answers at "+p.Addr(), "the binlog of db0 was at", "--resume goes on with it")
	if slices.Contains(files(t, dir), "manifest.json") {
		t.Error("the dump is finished")
	}
	runCommand(append(args, "--resume")...).failed(t, 5, "its source is not what answers at")
	p.SetTarget(first.Addr())
	if r := runCommand(append(args, "--resume")...); r.code != 0 || !strings.Contains(r.stderr, "no write happened") {
		t.Error(r.code, r.stderr)
	}
}
