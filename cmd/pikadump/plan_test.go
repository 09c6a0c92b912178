package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/plan"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
)

// TestPlan holds the forecast against the dump that is then made: keys and bytes within a quarter.
func TestPlan(t *testing.T) {
	versions := []pikasim.Version{pikasim.V355, pikasim.V340, pikasim.V401}
	if testing.Short() {
		versions = versions[:1]
	}
	for _, v := range versions {
		t.Run(string(v), func(t *testing.T) {
			srv, err := pikasim.Start(pikasim.Options{Version: v, Config: map[string]string{"cache-model": "1"}})
			if err != nil {
				t.Fatal(err)
			}
			defer srv.Close()
			fillForPlan(t, srv.Addr(), v)
			uri := "redis://" + srv.Addr()
			r := runCommand("plan", "--uri", uri, "--json")
			if r.code != 0 {
				t.Fatal(r.stderr)
			}
			var f plan.Forecast
			if err := json.Unmarshal([]byte(r.stdout), &f); err != nil {
				t.Fatal(err)
			}
			out := t.TempDir()
			if r := runCommand("dump", "--uri", uri, "--out", out); r.code != codeOf(v) {
				t.Fatal(r.stderr)
			}
			m, _ := smallpika.Dumped(t, out)
			var keys, raw, stored int64
			for _, total := range m.Totals {
				if total.Type == format.TypeStream && v == pikasim.V401 {
					continue // not in the forecast
				}
				keys, raw, stored = keys+total.Keys, raw+total.Raw, stored+total.Stored
			}
			for what, n := range map[string][2]int64{"keys": {f.Keys, keys}, "raw bytes": {f.Raw, raw}, "stored bytes": {f.Stored, stored}} {
				if ratio := float64(n[0]) / float64(n[1]); ratio < 0.75 || ratio > 1.25 {
					t.Errorf("forecast %d %s, the dump has %d", n[0], what, n[1])
				}
			}
			if f.TTL[2] == 0 || len(f.Largest) == 0 || string(f.Largest[0].Key) != "huge" || f.Largest[0].Length != 3000 {
				t.Errorf("expiries %v, largest %+v", f.TTL, f.Largest)
			}
			if v == pikasim.V355 && (f.Conflicts == 0 || f.HyperLogLog == 0) {
				t.Errorf("%d conflicts and %d hyperloglogs seen", f.Conflicts, f.HyperLogLog)
			}
			text := runCommand("plan", "--uri", uri)
			for _, want := range []string{"estimates from a sample", "within a day", "largest keys", `"huge"`, "cache-model 1", "over one connection"} {
				if want == "cache-model 1" && v == pikasim.V340 { // has no cache
					continue
				}
				if text.code != 0 || !strings.Contains(text.stdout, want) {
					t.Errorf("plan (exit code %d) does not say %q:\n%s%s", text.code, want, text.stdout, text.stderr)
				}
			}
			for _, never := range []string{"dbsize", "hgetall", "zrange", "scan"} {
				if srv.Commands()[never] > 0 {
					t.Errorf("plan or dump sent %s", never)
				}
			}
		})
	}
}

// codeOf is how a dump ends: up to 3.5 there are names in several types, whose expiries cannot
// all be told.
func codeOf(v pikasim.Version) int {
	if v == pikasim.V401 {
		return exitcode.Done
	}
	return exitcode.LeftOut
}

func fillForPlan(t *testing.T, addr string, v pikasim.Version) {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr, Protocol: 2, DisableIdentity: true})
	defer c.Close()
	ctx := t.Context()
	p := c.Pipeline()
	for i := range 20_000 {
		p.Do(ctx, "SET", fmt.Sprintf("user:%05d:name", i), strings.Repeat("v", 20+i%50))
		if i%10 == 0 {
			p.Do(ctx, "EXPIRE", fmt.Sprintf("user:%05d:name", i), 40_000)
			p.Do(ctx, "HMSET", fmt.Sprintf("h%d", i), "field", i, "other", "value")
			p.Do(ctx, "SADD", fmt.Sprintf("s:%x", i*7919), "a", "b", "c")
		}
	}
	for i := range 3000 {
		p.Do(ctx, "RPUSH", "huge", strings.Repeat("e", 100)+fmt.Sprint(i))
	}
	if v != pikasim.V401 {
		for i := range 100 {
			p.Do(ctx, "HSET", fmt.Sprintf("both%d", i), "f", "v")
			p.Do(ctx, "SET", fmt.Sprintf("both%d", i), "v")
			p.Do(ctx, "PFADD", fmt.Sprintf("log%d", i), i)
		}
	}
	if v != pikasim.V340 {
		p.Do(ctx, "XADD", "stream", "1-1", "f", "v")
	}
	if _, err := p.Exec(ctx); err != nil {
		t.Fatal(err)
	}
}
