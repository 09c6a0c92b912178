package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// results runs commands in a directory, and reads what they print with --json.
type results struct {
	*testing.T
	dir string
}

// run runs what a shell makes of a command line.
func (r results) run(line string) result {
	r.Helper()
	cmd := exec.Command("sh", "-c", "cd \"$0\" && "+line, r.dir)
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(tool(r.T, "kvload"))+":"+os.Getenv("PATH"))
	return finish(r.T, cmd)
}

// json runs a command with --json, and checks that it prints one result and nothing else.
func (r results) json(code int, line string) *summary.Summary {
	s := &summary.Summary{}
	r.Helper()
	out := r.run(line + " --json")
	words := strings.Fields(line)
	d := json.NewDecoder(strings.NewReader(out.stdout))
	d.DisallowUnknownFields()
	err := d.Decode(s)
	if err != nil || d.More() || out.code != code || s.Schema != summary.Schema || s.Tool != words[0] || s.Command != words[1] ||
		s.ExitCode != code || s.Version == "" || s.Result == "" || (s.Error == "") != (code == 0) {
		r.Fatalf("%s: exit code %d, want %d; %v\n%.900s%s", line, out.code, code, err, out.stdout, out.stderr)
	}
	if text := strings.TrimSpace(out.stderr); code != 0 && !strings.Contains(text, s.Tool+": ") {
		r.Errorf("%s says nothing of its error:\n%s", line, text)
	}
	return s
}

// next runs the only command that a result says is next, with words put in place of those that
// stand for something.
func (r results) next(code int, s *summary.Summary, words ...string) *summary.Summary {
	r.Helper()
	if len(s.Next) != 1 {
		r.Fatalf("after %s %s: %q", s.Tool, s.Command, s.Next)
	}
	return r.json(code, strings.NewReplacer(words...).Replace(s.Next[0]))
}

// TestResults goes the whole way with --json: each command prints one object of the one schema, and
// nothing else, on standard output, also if it fails; and what it says is next can be run.
func TestResults(t *testing.T) {
	parallel(t)
	from, to := simulate(t, pikasim.Options{Version: pikasim.V355}), startRedis(t)
	c := client(t, from.addr, 0)
	do(t, c, "SET", "a", "1")
	do(t, c, "HMSET", "h", "f", "v", "g", "w")
	r := results{t, t.TempDir()}

	r.json(2, "pikadump dump --uri redis://"+from.addr)
	plan := r.run("pikadump plan --uri redis://" + from.addr)
	if !strings.Contains(plan.stdout, "  next      pikadump dump --uri redis://"+from.addr+" --out DIR\n") {
		t.Errorf("plan: %s%s", plan.stdout, plan.stderr)
	}
	dumped := r.json(0, "pikadump dump --uri redis://"+from.addr+" --out 'a dump'")
	if dumped.Keys != 2 || dumped.Elements != 3 || len(dumped.Totals) != 6 || dumped.Dump.ID == "" || dumped.Dump.Place != "a dump" || !dumped.Finished {
		t.Errorf("%#v", dumped)
	}
	again := r.json(5, "pikadump dump --uri redis://"+from.addr+" --out 'a dump'")
	if again.Result != summary.Refused || len(again.Next) > 0 {
		t.Errorf("%#v", again)
	}
	inspect := r.run("kvload inspect --json 'a dump'")
	var m format.Manifest
	if err := json.Unmarshal([]byte(inspect.stdout), &m); err != nil || m.Dump != dumped.Dump.ID {
		t.Errorf("%v: %s", err, inspect.stdout)
	}
	r.json(10, "kvload inspect nothing")
	checked := r.json(0, "kvload check 'a dump'")
	if checked.Keys != 2 {
		t.Errorf("%#v", checked)
	}
	r.json(0, "pikadump verify --uri redis://"+from.addr+" --in 'a dump'")

	dry := r.json(0, dumpedNext(dumped, to)+" --dry-run")
	if !dry.DryRun || dry.Keys != 0 {
		t.Errorf("%#v", dry)
	}
	loaded := r.next(0, dry)
	if loaded.Keys != 2 || !loaded.Finished || len(loaded.LeftOut) != 0 || len(loaded.Files) == 0 || loaded.Comparison != nil {
		t.Errorf("%#v", loaded)
	}
	verified := r.next(0, loaded)
	if v := verified.Comparison; v == nil || !v.Equal || v.Keys != 2 || len(verified.Next) > 0 {
		t.Errorf("%#v", verified)
	}
	do(t, client(t, to.addr, 0), "SET", "a", "2")
	differs := r.next(4, loaded)
	if d := differs.Comparison; d.Equal || d.Differing != 1 || len(d.Differences) != 1 || d.Differences[0].Kind != "value" || d.Differences[0].Meaning == "" {
		t.Errorf("%#v", d)
	}
	if listed := r.next(4, differs); len(listed.Files) != 1 || listed.Files[0].Path != "differs.jsonl" {
		t.Errorf("%#v", listed)
	}
	if f := r.json(4, "kvload finish --uri redis://"+to.addr+" --in 'a dump'"); f.Keys != 2 || f.Comparison.Differing != 1 {
		t.Errorf("%#v", f)
	}
	kept := r.json(3, "kvload rollback --uri redis://"+to.addr+" --in 'a dump'")
	if kept.Rollback.Removed != 1 || len(kept.LeftOut) != 1 || kept.LeftOut[0].Reason != "changed" || kept.LeftOut[0].List == "" {
		t.Errorf("%#v", kept)
	}
	if len(kept.Next) != 1 || !strings.HasPrefix(kept.Next[0], "less ") { // and not --force
		t.Errorf("%q", kept.Next)
	}
	if undone := r.json(0, "kvload rollback --force --uri redis://"+to.addr+" --in 'a dump'"); undone.Rollback.Removed != 1 {
		t.Errorf("%#v", undone)
	}
	two := r.json(0, dumpedNext(dumped, to)+" --uri redis://"+startRedis(t).addr)
	if len(two.Targets) != 2 || two.Targets[0].Keys != 2 || two.Targets[1].Keys != 2 || two.Targets[0].Result != summary.Done || len(two.Next) != 2 {
		t.Errorf("%#v", two)
	}

	if out := r.run("kvload pack 'a dump' > pika.tar"); out.code != 0 || !strings.Contains(out.stderr, "done: packed") {
		t.Errorf("%#v", out)
	}
	r.next(0, r.json(0, "kvload unpack --out b < pika.tar"))
	r.json(2, "pikadump dump --uri redis://"+from.addr+" --out -")
}

// dumpedNext is what a dump says is next, into a target.
func dumpedNext(s *summary.Summary, to target) string {
	return strings.Replace(s.Next[0], "TARGET:6666", to.addr, 1)
}
