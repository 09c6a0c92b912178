package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/tune"
)

// A walk is a load at hand that something is in the way of.
type walk struct {
	t          *testing.T
	dir, state string
	k          *kvrocks
	flags      []string
}

// load runs a load, which must end with that exit code.
func (w *walk) load(code int, flags ...string) {
	w.t.Helper()
	if r := w.run("load", flags...); r.code != code {
		w.t.Fatalf("load %v: exit code %d, want %d: %s", flags, r.code, code, r.stderr)
	}
}

func (w *walk) run(command string, flags ...string) result {
	return runCommand(append([]string{command, "--uri", w.k.Addr(), "--in", w.dir, "--state", w.state}, flags...)...)
}

// write writes a file and returns its path.
func (w *walk) write(path string) string {
	w.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("x\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// unfinished leaves a load that has ended before its end.
func (w *walk) unfinished(flags ...string) {
	w.t.Helper()
	w.k.change(func() { w.k.full = true })
	w.load(75, append(flags, "--retry-for", "1ns")...)
	w.k.change(func() { w.k.full = false })
}

// undone leaves a load that was undone.
func (w *walk) undone() {
	w.t.Helper()
	w.load(0)
	if r := w.run("rollback"); r.code != 0 {
		w.t.Fatalf("%d: %s", r.code, r.stderr)
	}
}

// files lists all that is in a directory, and how large it is.
func files(t *testing.T, root string) (list []string) {
	t.Helper()
	err := filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if err == nil {
			list = append(list, path+" "+info.Mode().String()+" "+info.ModTime().String())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestDryRunRefuses: whatever a load refuses before it has written anything, its dry run names in
// the same words, with the same exit code, and leaves nothing behind.
func TestDryRunRefuses(t *testing.T) {
	dump := makeDump(t, []format.Record{text("a", "1"), text("b", "1"), hash("h", "f", "v")})
	two := makeDump(t, []format.Record{text("a", "1")}, []format.Record{text("a", "1")})
	t.Setenv("NOSUCH_NAMESPACE", token)
	for _, tc := range []struct {
		name  string
		code  int
		check string // that fails; empty: an error of both
		says  string
		make  func(w *walk)
	}{
		{"keys after a finished load", 5, "empty", "holds 3 keys already", func(w *walk) { w.load(0) }},
		{"keys of others, --resume", 5, "empty", "holds 1 key already", func(w *walk) {
			_ = w.k.Set("x", "1")
			w.flags = []string{"--resume"}
		}},
		{"keys, first of two shards", 5, "empty", "holds 1 key already", func(w *walk) {
			_ = w.k.Set("x", "1")
			w.flags = []string{"--shard", "0/2"}
		}},
		{"not finished", 5, "journal", "resume it with --resume", func(w *walk) { w.unfinished() }},
		{"not finished, in a namespace", 5, "journal", "from the journal but for a --map-db with namespaces, or undo", func(w *walk) {
			w.k.SetPassword(password)
			w.k.AddNamespace("n", token)
			w.flags = []string{"--map-db", "0=NOSUCH_NAMESPACE", "--pass", password}
			w.unfinished(w.flags...)
		}},
		{"not finished, other settings", 5, "journal", `--on-exists was "fail"`, func(w *walk) {
			w.unfinished()
			w.flags = []string{"--resume", "--on-exists", "replace"}
		}},
		{"not finished, another --undo", 5, "journal", "begun without --undo", func(w *walk) {
			w.unfinished("--on-exists", "replace")
			w.flags = []string{"--resume", "--on-exists", "replace", "--undo", filepath.Join(w.state, "undo")}
		}},
		{"another dump", 5, "journal", "the dump was", func(w *walk) {
			w.load(0)
			w.dir = makeDump(w.t, []format.Record{text("z", "1")})
		}},
		{"undone", 5, "journal", "undone on", func(w *walk) {
			w.undone()
			w.flags = []string{"--resume"}
		}},
		{"emptied", 5, "loaded", "was it emptied?", func(w *walk) {
			w.load(0)
			w.k.FlushAll()
			w.flags = []string{"--resume"}
		}},
		{"emptied, not finished", 5, "loaded", "was it emptied?", func(w *walk) {
			w.unfinished("--threads", "1")
			w.k.FlushAll()
			w.flags = []string{"--resume", "--threads", "1"}
		}},
		{"journal damaged", 5, "journal", "the journal is damaged", func(w *walk) { w.write(filepath.Join(w.state, "journal.jsonl")) }},
		{"journal empty", 5, "journal", "it is empty", func(w *walk) {
			if err := os.WriteFile(w.write(filepath.Join(w.state, "journal.jsonl")), nil, 0o600); err != nil {
				w.t.Fatal(err)
			}
		}},
		{"what shards have in common damaged", 5, "journal", "is damaged", func(w *walk) {
			w.load(0, "--shard", "0/2")
			w.write(filepath.Join(w.state, "load.json"))
			w.flags = []string{"--shard", "1/2"}
		}},
		{"journal of shards", 5, "journal", "a load in shards", func(w *walk) { w.load(0, "--shard", "0/2") }},
		{"other number of shards", 5, "journal", "begun in 2 shards", func(w *walk) {
			w.load(0, "--shard", "0/2")
			w.flags = []string{"--shard", "1/3"}
		}},
		{"shard with other settings", 5, "journal", "another load", func(w *walk) {
			w.load(0, "--shard", "0/2")
			w.flags = []string{"--shard", "1/2", "--on-exists", "replace"}
		}},
		{"shard is finished", 5, "journal", "shard 0/2 was loaded until", func(w *walk) {
			w.load(0, "--shard", "0/2")
			w.flags = []string{"--shard", "0/2"}
		}},
		{"another run", 11, "journal", "another run is at work", func(w *walk) {
			f, err := os.Open(w.write(filepath.Join(w.state, ".lock")))
			if err == nil {
				err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
			}
			if err != nil {
				w.t.Fatal(err)
			}
			w.t.Cleanup(func() { f.Close() })
		}},
		{"journal below a file", 5, "journal", "no place for the journal", func(w *walk) { w.state = filepath.Join(w.write(w.state), "sub") }},
		{"journal in a file", 5, "journal", "is not a directory", func(w *walk) { w.write(w.state) }},
		{"--report in no directory", 5, "report", "no such file or directory", func(w *walk) {
			w.flags = []string{"--report", filepath.Join(w.state, "nosuch", "report")}
		}},
		{"--report is a directory", 5, "report", "is a directory", func(w *walk) { w.flags = []string{"--report", w.t.TempDir()} }},
		{"--undo is not empty", 5, "undo", "is not empty", func(w *walk) {
			w.flags = []string{"--on-exists", "replace", "--undo", filepath.Dir(w.write(filepath.Join(w.t.TempDir(), "f")))}
		}},
		{"--undo is a dump", 5, "undo", "holds a finished dump", func(w *walk) { w.flags = []string{"--on-exists", "replace", "--undo", two} }},
		{"--undo below a file", 5, "undo", "not a directory", func(w *walk) {
			w.flags = []string{"--on-exists", "replace", "--undo", filepath.Join(w.write(filepath.Join(w.t.TempDir(), "f")), "sub")}
		}},
		{"settings of a server that is not loaded", 5, "settings", "which is not loaded now", func(w *walk) {
			data := []byte(`[{"address":"127.0.0.1:1","name":"log-level","was":"info","set":"warning"}]`)
			if err := os.WriteFile(w.write(filepath.Join(w.state, tune.FileName)), data, 0o600); err != nil {
				w.t.Fatal(err)
			}
			w.flags = []string{"--tune"}
		}},
		{"settings that say nothing", 5, "settings", "does not say what settings", func(w *walk) {
			w.write(filepath.Join(w.state, tune.FileName))
			w.flags = []string{"--tune"}
		}},
		{"namespace is not there", 12, "keyspace db0", "--create-namespaces makes it", func(w *walk) {
			w.flags = []string{"--map-db", "0=NOSUCH_NAMESPACE"}
		}},
		{"namespace to be made, but not finished", 5, "journal", "is not finished: resume it with --resume", func(w *walk) {
			w.unfinished()
			w.k.SetPassword(password)
			w.flags = []string{"--map-db", "0=NOSUCH_NAMESPACE@n", "--create-namespaces", "--pass", password}
		}},
		{"namespace to be made, --resume", 5, "journal", "the place of database 0 (--map-db) was __namespace/, and is n/ now", func(w *walk) {
			w.unfinished()
			w.k.SetPassword(password)
			w.flags = []string{"--resume", "--map-db", "0=NOSUCH_NAMESPACE@n", "--create-namespaces", "--pass", password}
		}},
		{"namespace to be made, another dump", 5, "journal", "the dump was", func(w *walk) {
			w.unfinished() // one that is undone gives way: TestRehearsal
			w.dir = makeDump(w.t, []format.Record{text("z", "1")})
			w.k.SetPassword(password)
			w.flags = []string{"--map-db", "0=NOSUCH_NAMESPACE@n", "--create-namespaces", "--pass", password}
		}},
		{"keys that a rollback kept", 5, "empty", "holds 1 key already", func(w *walk) {
			w.load(0)
			_ = w.k.Set("a", "of others")
			w.run("rollback").failed(w.t, 3, "1 key that others changed since", "kvload rollback --force")
		}},
		{"password", 12, "", "wants a password", func(w *walk) { w.k.SetPassword(password) }},
		{"--db chooses nothing", 5, "", "choose none of the dump's keys", func(w *walk) { w.flags = []string{"--db", "7"} }},
		{"two databases", 5, "", "say where each goes", func(w *walk) { w.dir = two }},
		{"a database that --map-db does not name", 5, "", "add it, or leave it out", func(w *walk) {
			w.dir, w.flags = two, []string{"--map-db", "0=default"}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := &walk{t: t, dir: dump, state: filepath.Join(t.TempDir(), "state"), k: startKvrocks(t)}
			tc.make(w)
			here := filepath.Dir(w.state)
			before, keys := files(t, here), w.k.Keys()
			w.k.changes()
			dry := w.run("load", append(w.flags, "--dry-run")...)
			if got := files(t, here); !slices.Equal(got, before) {
				t.Errorf("the dry run wrote: %v, before %v", got, before)
			}
			load := w.run("load", w.flags...)
			if got := w.k.Keys(); !slices.Equal(got, keys) || w.k.changes() != nil {
				t.Errorf("the target was written to: %v, before %v", got, keys)
			}
			if dry.code != tc.code || load.code != tc.code {
				t.Errorf("exit code %d, of the dry run %d, want %d", load.code, dry.code, tc.code)
			}
			if !strings.Contains(load.stderr, tc.says) {
				t.Errorf("the load does not say %q: %s", tc.says, load.stderr)
			}
			if tc.check == "" {
				if got, want := lastLine(dry.stderr), lastLine(load.stderr); got != want {
					t.Errorf("the dry run says %q, the load %q", got, want)
				}
				return
			}
			failed := failedChecks(dry.stdout)
			if !slices.ContainsFunc(failed, func(c string) bool { return strings.HasPrefix(c, tc.check+": ") && strings.Contains(c, tc.says) }) {
				t.Errorf("the dry run does not name %q:\n%s%s", tc.check, dry.stdout, dry.stderr)
			}
			if want := strings.Join(failed, "\n  "); !strings.Contains(load.stderr, "is refused, and nothing was written: "+want+"\n") {
				t.Errorf("the dry run says %q, the load %s", want, load.stderr)
			}
		})
	}
}

// TestUndoneThenElsewhere: the load after one that was undone may go to another namespace, which is
// made, and its dry run says so.
func TestUndoneThenElsewhere(t *testing.T) {
	t.Setenv("MOVED", token)
	w := &walk{t: t, dir: makeDump(t, []format.Record{text("a", "1")}), state: filepath.Join(t.TempDir(), "state"), k: startKvrocks(t)}
	w.undone()
	w.k.SetPassword(password)
	w.k.changes()
	flags := []string{"--map-db", "0=MOVED@moved", "--create-namespaces", "--pass", password}
	if r := w.run("load", append(flags, "--dry-run")...); r.code != 0 || !strings.Contains(r.stdout, "was undone on") || w.k.changes() != nil {
		t.Errorf("dry run: %d: %s%s", r.code, r.stdout, r.stderr)
	}
	w.load(0, flags...)
	if got := w.k.changes(); !slices.Equal(got, []string{"namespace moved"}) {
		t.Errorf("made %v", got)
	}
	w.load(5, "--resume", "--pass", password) // into where the load before went
	w.load(0, append(flags, "--resume")...)
}

// TestDryRunOfLostFile: a file of the dump that is lost or cut is found before anything is written.
func TestDryRunOfLostFile(t *testing.T) {
	w := &walk{t: t, dir: makeDump(t, []format.Record{text("a", "1")}), state: filepath.Join(t.TempDir(), "state"), k: startKvrocks(t)}
	chunks, err := filepath.Glob(filepath.Join(w.dir, "chunks", "db0", "*", "*"))
	if err != nil || len(chunks) == 0 {
		t.Fatal(chunks, err)
	}
	for _, says := range []string{"as the manifest says", "is not there"} {
		damage := os.Remove
		if says != "is not there" {
			damage = func(name string) error { return os.Truncate(name, 9) }
		}
		if err := damage(chunks[0]); err != nil {
			t.Fatal(err)
		}
		if r := w.run("load", "--dry-run"); r.code != 13 || !strings.Contains(r.stderr, says) {
			t.Errorf("%d: %s%s", r.code, r.stdout, r.stderr)
		}
	}
}

// failedChecks returns the checks of a table that failed, as a load says them.
func failedChecks(table string) (failed []string) {
	lines := strings.Split(table, "\n")
	for i, line := range lines {
		rest, ok := strings.CutPrefix(line, "FAILED   ")
		if !ok {
			continue
		}
		text := strings.TrimSpace(rest[:14]) + ": " + rest[15:]
		if _, advice, ok := strings.Cut(lines[i+1], " -> "); ok && strings.TrimSpace(lines[i+1][:24]) == "" {
			text += ": " + advice
		}
		failed = append(failed, text)
	}
	return failed
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
