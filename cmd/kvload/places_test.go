package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// TestSeveralDatabases: databases are never merged, and each must have a place.
func TestSeveralDatabases(t *testing.T) {
	dir := makeDump(t, []format.Record{text("a", "0")}, []format.Record{text("a", "1")}, nil)
	t.Setenv("NS1", token)
	t.Setenv("NS2", token)
	t.Setenv("EMPTY", "")
	for _, tc := range []struct {
		name  string
		mapDB string
		code  int
		says  []string
	}{
		{"none given", "", 5, []string{"databases [0 1]", "--map-db 0=default,1=TOKEN_VARIABLE", "--db"}},
		{"one not named", "0=default", 5, []string{"database 1", "--map-db does not name"}},
		{"variable not set", "0=default,1=NOSUCH_VARIABLE", 2, []string{"database 1", "not set, NOSUCH_VARIABLE", "token of the namespace"}},
		{"variable empty", "0=default,1=EMPTY", 2, []string{"database 1", "not set, EMPTY"}},
		{"the token itself", "0=default,1=" + token, 2, []string{"database 1", "not the token itself"}},
		{"both to the default", "0=default,1=default", 2, []string{"databases 0 and 1", "same place"}},
		{"both to one database", "0=db:3,1=db:3", 2, []string{"databases 0 and 1", "same place"}},
		{"default is database 0", "0=db:0,1=default", 2, []string{"databases 0 and 1", "same place"}},
		{"both to one token", "0=NS1,1=NS2", 2, []string{"databases 0 and 1", "same place"}},
		{"twice", "0=default,0=db:1", 2, []string{"names database 0 twice"}},
		{"no pair", "0=default,1", 2, []string{"pair 2 is not N=default, N=VAR or N=db:M"}},
		{"no number", "x=default", 2, []string{"pair 1 is not"}},
		{"negative", "-1=default", 2, []string{"pair 1 is not"}},
		{"no place", "0=", 2, []string{"pair 1 is not"}},
		{"no number behind db:", "0=db:x", 2, []string{`"db:x"`}},
		{"a namespace of a Redis", "0=default,1=NS1", 12, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := startTarget(t)
			args := []string{"load", "--uri", m.Addr(), "--in", dir}
			if tc.mapDB != "" {
				args = append(args, "--map-db", tc.mapDB)
			}
			runCommand(args...).failed(t, tc.code, tc.says...)
			if keys := m.Keys(); len(keys) > 0 {
				t.Errorf("the target has %v", keys)
			}
		})
	}
	m := startTarget(t)
	if r := runCommand("load", "--uri", m.Addr(), "--in", dir, "--db", "1"); r.code != 0 {
		t.Errorf("--db 1: exit code %d: %s", r.code, r.stderr)
	}
	if v, _ := m.Get("a"); v != "1" {
		t.Errorf("--db 1 brought %q", v)
	}
}

// TestConflicts: a name in several types is loaded only as the user says.
func TestConflicts(t *testing.T) {
	clash := makeDump(t, []format.Record{text("x", "1"), text("x:hash", "taken"), hash("x", "f", "v")})
	plain := makeDump(t, []format.Record{text("x", "1"), hash("x", "f", "v")})
	t.Chdir(t.TempDir()) // for the report
	for _, tc := range []struct {
		name string
		dir  string
		args []string
		code int
		says []string
		keys []string
	}{
		{"not said", plain, nil, 5, []string{"1 name exists under several types", `"x" in db0 is [string hash]`, "--on-conflict first or suffix", "--type"}, nil},
		{"fail", plain, []string{"--on-conflict", "fail"}, 5, []string{"--on-conflict first or suffix"}, nil},
		{"suffix is taken", clash, []string{"--on-conflict", "suffix"}, 5, []string{`"x:hash"`, "has a key of that name already", "--on-conflict first"}, nil},
		{"first", plain, []string{"--on-conflict", "first"}, 3, []string{"1 ", "conflict", "left-out-"}, []string{"x"}},
		{"suffix", plain, []string{"--on-conflict", "suffix"}, 0, nil, []string{"x", "x:hash"}},
		{"one type only", plain, []string{"--type", "hash"}, 0, nil, []string{"x"}},
		{"another key only", plain, []string{"--match", "y*"}, 0, nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := startTarget(t)
			r := runCommand(append([]string{"load", "--uri", m.Addr(), "--in", tc.dir}, tc.args...)...)
			if tc.code != 0 {
				r.failed(t, tc.code, tc.says...)
			} else if r.code != 0 {
				t.Errorf("exit code %d: %s", r.code, r.stderr)
			}
			if keys := m.Keys(); !slices.Equal(keys, tc.keys) && len(keys)+len(tc.keys) > 0 {
				t.Errorf("the target has %v, want %v", keys, tc.keys)
			}
		})
	}
}

// TestReport: what is left out must be listed, or the load fails.
func TestReport(t *testing.T) {
	dir := makeDump(t, []format.Record{text("x", "1"), hash("x", "f", "v")})
	home := t.TempDir()
	t.Chdir(home)
	t.Run("cannot be made", func(t *testing.T) {
		m := startTarget(t)
		report := filepath.Join(home, "nosuch", "report.jsonl")
		runCommand("load", "--uri", m.Addr(), "--in", dir, "--on-conflict", "first", "--report", report).
			failed(t, 5, "--report", report, "give a file that can be written")
		if keys := m.Keys(); len(keys) > 0 {
			t.Errorf("the target has %v", keys)
		}
	})
	t.Run("each load has its own", func(t *testing.T) {
		m := startTarget(t)
		for range 2 {
			runCommand("load", "--uri", m.Addr(), "--in", dir, "--on-conflict", "first", "--on-exists", "replace").failed(t, 3, "see "+dir+".load")
		}
		reports, err := filepath.Glob(filepath.Join(dir+".load", "*", "left-out-*.jsonl"))
		if len(reports) != 2 || err != nil {
			t.Errorf("%v, %v", reports, err)
		}
	})
	t.Run("disk full", func(t *testing.T) {
		if _, err := os.Stat("/dev/full"); err != nil {
			t.Skip("NO /dev/full: a report that cannot be written is not tested")
		}
		m := startTarget(t)
		// Nothing else is in the dump: another worker may be ahead of the one that leaves a key
		// out.
		dir := makeDump(t, []format.Record{{Kind: format.HyperLogLog, Key: []byte("p"), Part: format.PartWhole, Value: []byte("registers")}})
		runCommand("load", "--uri", m.Addr(), "--in", dir, "--hyperloglog", "leave-out", "--report", "/dev/full").
			failed(t, 75, "write the report of what was left out", "no space left on device", "nothing of the dump is on the target")
		if keys := m.Keys(); len(keys) > 0 {
			t.Errorf("the target has %v", keys)
		}
	})
	t.Run("written", func(t *testing.T) {
		m := startTarget(t)
		report := filepath.Join(home, "report.jsonl")
		runCommand("load", "--uri", m.Addr(), "--in", dir, "--on-conflict", "first", "--report", report).failed(t, 3, "see "+report)
		data, err := os.ReadFile(report)
		if err != nil {
			t.Fatal(err)
		}
		if want := `{"db":0,"kind":"hash","key":"eA==","name":"\"x\"","reason":"conflict"`; !strings.HasPrefix(string(data), want) {
			t.Errorf("the report has %s, want %s", data, want)
		}
	})
}

// TestReportOfAnother: a load that is resumed with another --report lists there what the runs
// before have left out, or says where that is; and what is listed elsewhere is not looked for.
func TestReportOfAnother(t *testing.T) {
	home := t.TempDir()
	t.Chdir(home)
	hll := format.Record{Kind: format.HyperLogLog, Key: []byte("p"), Part: format.PartWhole, Value: []byte("registers")}
	for _, tc := range []struct{ name, before, then, see string }{
		{"none, then one", "", "b1", "see b1"},
		{"one, then none", "a2", "", "see the --report of an earlier run"},
		{"another", "a3", "b3", "see the --report of an earlier run"},
		{"the same", "a4", "a4", "see a4"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k := startKvrocks(t)
			load := func(report string, more ...string) result {
				args := append([]string{"load", "--uri", k.Addr(), "--in", "dump" + tc.before + tc.then, "--threads", "1"}, more...)
				if report != "" {
					args = append(args, "--report", report)
				}
				return runCommand(args...)
			}
			if err := os.Rename(makeDump(t, []format.Record{text("a", "1"), hll, hash("h", "f", "v")}), "dump"+tc.before+tc.then); err != nil {
				t.Fatal(err)
			}
			k.change(func() { k.full = true })
			load(tc.before).failed(t, 75, "No space left")
			k.change(func() { k.full = false })
			load(tc.then, "--resume").failed(t, 3, "1 hyperloglog", tc.see)
		})
	}
}
