package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
)

// TestPlanShards: what does not go with the shards of a plan is refused, and a scheduler says which
// of them is dumped.
func TestPlanShards(t *testing.T) {
	s := smallpika.Start(t, pikasim.Options{})
	uri, dir := "redis://"+s.Addr(), t.TempDir()
	shards := func(n string) string { return runCommand("plan", "--uri", uri, "--json", "--shards", n).stdout }
	plan := filepath.Join(dir, "plan.json")
	if err := os.WriteFile(plan, []byte(shards("4")), 0o600); err != nil {
		t.Fatal(err)
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
		{"nothing of shards", 2, []string{"--plan", none, "--shard", "0/4"}},
		{"not what pikadump plan --json wrote", 2, []string{"--plan", twice, "--shard", "0/4"}},
		{"no such file", 2, []string{"--plan", none + "x", "--shard", "0/4"}},
		{"--limit-keys does not go", 2, []string{"--plan", plan, "--shard", "0/4", "--limit-keys", "5"}},
		{"--source-cache-off does not go", 2, []string{"--plan", plan, "--shard", "0/4", "--source-cache-off"}},
		{"--require-consistent does not go", 2, []string{"--plan", plan, "--shard", "0/4", "--require-consistent"}},
		{"SCAN", 5, []string{"--plan", plan, "--shard", "0/4", "--scan", "scan", "--streams", "off"}},
	} {
		r := runCommand(append([]string{"dump", "--quiet", "--uri", uri, "--out", other}, c.args...)...)
		if r.code != c.code || !strings.Contains(r.stderr, c.says) {
			t.Errorf("%v: %d, want %d and %q: %s", c.args, r.code, c.code, c.says, r.stderr)
		}
	}
	newest := smallpika.Start(t, pikasim.Options{Version: pikasim.V401})
	r := runCommand("dump", "--quiet", "--uri", newest.Addr(), "--out", other, "--plan", plan, "--shard", "0/4", "--scan", "scan", "--streams", "off")
	r.failed(t, exitcode.Refused, "knows no ranges")
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
}
