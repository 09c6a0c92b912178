package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
)

// keyCost is about what it takes to ask for a key, in bytes, by which a plan divides.
const keyCost = 128

// TestPlanShards: the shares of a plan are of about the same size, and what does not go with them
// is refused.
func TestPlanShards(t *testing.T) {
	versions := []pikasim.Version{pikasim.V401, pikasim.V355}
	if testing.Short() {
		versions = versions[:1]
	}
	for _, v := range versions {
		t.Run(string(v), func(t *testing.T) {
			srv, err := pikasim.Start(pikasim.Options{Version: v})
			if err != nil {
				t.Fatal(err)
			}
			defer srv.Close()
			fillForPlan(t, srv.Addr(), v)
			uri, dir := "redis://"+srv.Addr(), t.TempDir()
			r := runCommand("plan", "--uri", uri, "--json", "--shards", "4")
			if r.code != 0 {
				t.Fatal(r.stderr)
			}
			plan, out := filepath.Join(dir, "plan.json"), filepath.Join(dir, "dump")
			if err := os.WriteFile(plan, []byte(r.stdout), 0o600); err != nil {
				t.Fatal(err)
			}
			if r := runCommand("plan", "--uri", uri, "--shards", "4"); r.code != 0 || !strings.Contains(r.stdout, "4 shards") || !strings.Contains(r.stdout, `db0: "`) {
				t.Errorf("%d: %s%s", r.code, r.stdout, r.stderr)
			}
			for i := range 4 {
				if r := runCommand("dump", "--quiet", "--uri", uri, "--out", out, "--plan", plan, "--shard", fmt.Sprintf("%d/4", i)); r.code != 0 {
					t.Fatal(r.stderr)
				}
			}
			if r := runCommand("dump", "--quiet", "--uri", uri, "--out", out, "--resume"); r.code != codeOf(v) {
				t.Fatal(r.stderr)
			}
			m, _ := smallpika.Dumped(t, out)
			raw, all := map[string]int64{}, int64(0)
			for _, c := range m.Chunks {
				name := filepath.Base(c.Name)
				raw[name[:4]] += c.Keys*keyCost + c.Raw
				all += c.Keys*keyCost + c.Raw
			}
			t.Log(raw)
			for i := range 4 {
				if n := raw[fmt.Sprintf("1%03d", i)]; n < all/8 || n > all*2/5 {
					t.Errorf("share %d is %d of %d", i, n, all)
				}
			}

			var f map[string]any
			if err := json.Unmarshal([]byte(runCommand("plan", "--uri", uri, "--json").stdout), &f); err != nil || f["division"] != nil {
				t.Errorf("a plan without shares has %v, %v", f["division"], err)
			}
			none := filepath.Join(dir, "none.json")
			if err := os.WriteFile(none, []byte(`{"keys":1}`), 0o600); err != nil {
				t.Fatal(err)
			}
			twice := filepath.Join(dir, "twice.json")
			if once, err := os.ReadFile(plan); err != nil || os.WriteFile(twice, slices.Concat(once, once), 0o600) != nil {
				t.Fatal(err)
			}
			other := filepath.Join(dir, "other")
			for _, c := range []struct {
				says string
				code int
				args []string
			}{
				{"--shard 0/4 without --plan", 2, []string{"--shard", "0/4"}},
				{"contradict each other", 2, []string{"--shard", "0/5", "--plan", plan}},
				{"neither --shard nor JOB_COMPLETION_INDEX", 2, []string{"--plan", plan}},
				{"nothing of shares", 2, []string{"--plan", none, "--shard", "0/4"}},
				{"not what pikadump plan --json wrote", 2, []string{"--plan", twice, "--shard", "0/4"}},
				{"no such file", 2, []string{"--plan", none + "x", "--shard", "0/4"}},
				{"--limit-keys does not go", 2, []string{"--plan", plan, "--shard", "0/4", "--limit-keys", "5"}},
				{"--source-cache-off does not go", 2, []string{"--plan", plan, "--shard", "0/4", "--source-cache-off"}},
				{"--require-consistent does not go", 2, []string{"--plan", plan, "--shard", "0/4", "--require-consistent"}},
				{map[pikasim.Version]string{pikasim.V355: "SCAN", pikasim.V401: "knows no ranges"}[v], 5, []string{"--plan", plan, "--shard", "0/4", "--scan", "scan", "--streams", "off"}},
			} {
				r := runCommand(append([]string{"dump", "--quiet", "--uri", uri, "--out", other}, c.args...)...)
				if r.code != c.code || !strings.Contains(r.stderr, c.says) {
					t.Errorf("%v: %d, want %d and %q: %s", c.args, r.code, c.code, c.says, r.stderr)
				}
			}
			t.Setenv("SLURM_ARRAY_TASK_ID", "2")
			if r := runCommand("dump", "--quiet", "--uri", uri, "--out", other, "--plan", plan, "--match", "user:*"); r.code != 0 || !strings.Contains(r.stderr, "shard 2/4") {
				t.Errorf("%d: %s", r.code, r.stderr)
			}
			if r := runCommand("dump", "--quiet", "--uri", uri, "--out", other, "--plan", plan, "--shard", "1/4"); r.code != 5 || !strings.Contains(r.stderr, "--match") {
				t.Errorf("of other options: %d: %s", r.code, r.stderr)
			}
			if err := os.WriteFile(plan, []byte(runCommand("plan", "--uri", uri, "--json", "--shards", "3").stdout), 0o600); err != nil {
				t.Fatal(err)
			}
			if r := runCommand("dump", "--quiet", "--uri", uri, "--out", other, "--plan", plan, "--match", "user:*"); r.code != 5 || !strings.Contains(r.stderr, "another way") {
				t.Errorf("of another plan: %d: %s", r.code, r.stderr)
			}
		})
	}
}
