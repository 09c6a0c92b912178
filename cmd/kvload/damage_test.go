package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/shellword"
)

// TestNoDump: a directory that is none, or holds no finished dump.
func TestNoDump(t *testing.T) {
	unfinished := filepath.Join(t.TempDir(), "two words")
	if err := os.Rename(makeDump(t, []format.Record{text("a", "1")}), unfinished); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(unfinished, "manifest.json")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := startTarget(t)
	for _, tc := range []struct{ name, dir, says string }{
		{"missing", filepath.Join(t.TempDir(), "nosuch"), "no such file or directory"},
		{"empty", t.TempDir(), "neither dump.json nor manifest.json"},
		{"a file", file, "is not a directory"},
		{"unfinished", unfinished, "pikadump dump --uri redis://127.0.0.1:9221 --out " + shellword.Quote(unfinished) + " --resume"},
	} {
		for _, args := range [][]string{{"load", "--uri", m.Addr(), "--in", tc.dir}, {"check", tc.dir}, {"inspect", tc.dir}, {"inspect", "--json", tc.dir}} {
			t.Run(tc.name+"/"+args[0], func(t *testing.T) {
				r := runCommand(args...)
				if slices.Contains(args, "--json") {
					if !strings.Contains(r.stdout, `"exit_code": 10`) {
						t.Error(r.stdout)
					}
					r.stdout = ""
				}
				r.failed(t, 10, "no finished dump", tc.dir, tc.says)
			})
		}
	}
	if m.CurrentConnectionCount() > 0 || m.TotalConnectionCount() > 0 {
		t.Error("without a dump there was a connection to the target")
	}
}

// TestBadManifest: a manifest that is not as it was written, or not one that can be right,
// is refused before anything is connected to.
func TestBadManifest(t *testing.T) {
	const chunk = "chunks/db0/string/000001.mpz"
	for _, tc := range []struct {
		name   string
		change func([]byte) []byte
		code   int
		says   []string
	}{
		{"cut", func(b []byte) []byte { return b[:len(b)/2] }, 13, []string{"cut short"}},
		{"empty", func([]byte) []byte { return nil }, 13, []string{"cut short"}},
		{"last byte missing", func(b []byte) []byte { return b[:len(b)-1] }, 13, []string{"cut short"}},
		{"edited", func(b []byte) []byte { return bytes.Replace(b, []byte("3.5.5"), []byte("3.5.4"), 1) }, 13, []string{"checksum mismatch", "was edited"}},
		{"appended to", func(b []byte) []byte { return append(b, '\n') }, 13, []string{"checksum mismatch"}},
		{"newer version", resealed(`"version": 1`, `"version": 3`), 5, []string{"unknown format version 3", "use a newer one"}},
		{"other format", resealed("pika2kvrocks dump", "something else"), 13, []string{"this is no dump"}},
		{"no JSON", resealed(`"dump"`, `"dump`), 13, nil},
		{"unknown member", resealed(`"tool"`, `"tools"`), 13, []string{"tools"}},
		{"name outside", resealed(chunk, "../../../../etc/passwd"), 13, []string{"is not the name of a chunk"}},
		{"name outside, in disguise", resealed(chunk, "chunks/db0/string/../../../x/000001.mpz"), 13, []string{"is not the name of a chunk"}},
		{"absolute name", resealed(chunk, "/etc/passwd"), 13, []string{"is not the name of a chunk"}},
		{"chunk of another type", resealed(chunk, "chunks/db0/list/000001.mpz"), 13, []string{"another database or type"}},
		{"gap in the coverage", resealed(`"start": "YgA="`, `"start": "YgE="`), 13, []string{"no chunk covers"}},
		{"wrong totals", resealed(`"keys": 3`, `"keys": 4`), 13, []string{"totals"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := makeDump(t, []format.Record{text("a", "1"), text("b", "2"), text("c", "3")})
			edit(t, dir, "manifest.json", tc.change)
			says := append(tc.says, "manifest.json")
			m := startTarget(t)
			runCommand("load", "--uri", m.Addr(), "--in", dir).failed(t, tc.code, says...)
			runCommand("check", dir).failed(t, tc.code, says...)
			runCommand("inspect", dir).failed(t, tc.code, says...)
			if m.TotalConnectionCount() > 0 {
				t.Error("with a bad manifest there was a connection to the target")
			}
		})
	}
}

// damages are what can happen to the chunk of key b, and what is to be said of it.
var damages = []struct {
	name   string
	chunk  string
	damage func(t *testing.T, dir, chunk string)
	code   int
	says   []string
}{
	{"cut", "string/000002", func(t *testing.T, dir, chunk string) {
		edit(t, dir, chunk, func(b []byte) []byte { return b[:len(b)-10] })
	}, 13, []string{" at "}},
	{"empty", "string/000002", func(t *testing.T, dir, chunk string) {
		edit(t, dir, chunk, func([]byte) []byte { return nil })
	}, 13, []string{" at 0"}},
	{"bit flipped", "string/000002", func(t *testing.T, dir, chunk string) {
		edit(t, dir, chunk, func(b []byte) []byte { b[len(b)/2] ^= 1; return b })
	}, 13, []string{" at "}},
	{"appended to", "string/000002", func(t *testing.T, dir, chunk string) {
		edit(t, dir, chunk, func(b []byte) []byte { return append(b, 0) })
	}, 13, []string{" at "}},
	{"missing", "hash/000001", func(t *testing.T, dir, chunk string) {
		if err := os.Remove(filepath.Join(dir, chunk)); err != nil {
			t.Fatal(err)
		}
	}, 13, []string{"the manifest lists this file, but it is not there"}},
	{"another dump's", "string/000002", func(t *testing.T, dir, chunk string) {
		other := makeDump(t, []format.Record{text("a", "1"), text("b", "2"), hash("h", "f", "v")})
		if err := os.Rename(filepath.Join(other, chunk), filepath.Join(dir, chunk)); err != nil {
			t.Fatal(err)
		}
	}, 13, []string{"it belongs to dump"}},
	{"two swapped", "string/000002", func(t *testing.T, dir, chunk string) {
		p, q := filepath.Join(dir, chunk), filepath.Join(dir, "chunks/db0/string/000001.mpz")
		tmp := filepath.Join(t.TempDir(), "x")
		for _, step := range [][2]string{{p, tmp}, {q, p}, {tmp, q}} {
			if err := os.Rename(step[0], step[1]); err != nil {
				t.Fatal(err)
			}
		}
	}, 13, []string{"header is not that of the chunk that the manifest lists"}},
}

func TestDamagedChunk(t *testing.T) {
	for _, tc := range damages {
		t.Run(tc.name, func(t *testing.T) {
			dir := makeDump(t, []format.Record{text("a", "1"), text("b", "2"), hash("h", "f", "v")})
			chunk := "chunks/db0/" + tc.chunk + ".mpz"
			tc.damage(t, dir, chunk)
			file := filepath.Join(dir, chunk)
			if tc.name == "two swapped" {
				file = filepath.Dir(file) // either is found first
			}
			m := startTarget(t)
			r := runCommand("load", "--uri", m.Addr(), "--in", dir)
			part := "part of the dump is on the target"
			if len(m.Keys()) == 0 {
				part = "nothing of the dump is on the target"
			}
			r.failed(t, tc.code, append(tc.says, file, part, "--resume")...)
			r = runCommand("check", dir)
			if !strings.Contains(r.stderr, file) {
				t.Errorf("check does not name %s:\n%s", file, r.stderr)
			}
			r.failed(t, 13, "the dump is damaged")
			if r := runCommand("inspect", dir); r.code != 0 { // it reads the manifest only
				t.Errorf("inspect: exit code %d: %s", r.code, r.stderr)
			}
		})
	}
}

// TestCheckNamesAll: check goes on behind the first damage and names every file.
func TestCheckNamesAll(t *testing.T) {
	both := []format.Record{text("a", "1"), text("x", "1"), hash("x", "f", "v")}
	for _, tc := range []struct {
		name   string
		damage func(t *testing.T, dir string)
		files  []string
	}{
		{"two chunks", func(t *testing.T, dir string) {
			for _, n := range []string{"chunks/db0/string/000001.mpz", "chunks/db0/hash/000001.mpz"} {
				edit(t, dir, n, func(b []byte) []byte { b[30] ^= 0x80; return b })
			}
		}, []string{"string/000001.mpz", "hash/000001.mpz"}},
		{"dump.json", func(t *testing.T, dir string) {
			edit(t, dir, "dump.json", func(b []byte) []byte { b[len(b)/3]++; return b })
		}, []string{"dump.json"}},
		{"another dump's dump.json", func(t *testing.T, dir string) {
			data, err := os.ReadFile(filepath.Join(makeDump(t, both), "dump.json"))
			if err != nil {
				t.Fatal(err)
			}
			edit(t, dir, "dump.json", func([]byte) []byte { return data })
		}, []string{"dump.json"}},
		{"no dump.json", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "dump.json")); err != nil {
				t.Fatal(err)
			}
		}, []string{"dump.json"}},
		{"list", func(t *testing.T, dir string) {
			edit(t, dir, "conflicts.jsonl", func(b []byte) []byte { return bytes.Replace(b, []byte("hash"), []byte("zset"), 1) })
		}, []string{"conflicts.jsonl"}},
		{"list cut", func(t *testing.T, dir string) {
			edit(t, dir, "conflicts.jsonl", func(b []byte) []byte { return b[:len(b)-5] })
		}, []string{"conflicts.jsonl"}},
		{"no list", func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "conflicts.jsonl")); err != nil {
				t.Fatal(err)
			}
		}, []string{"conflicts.jsonl"}},
		{"stray files", func(t *testing.T, dir string) {
			for _, n := range []string{"skipped.jsonl", "chunks/db0/string/000009.mpz"} {
				if err := os.WriteFile(filepath.Join(dir, n), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}, []string{"skipped.jsonl is not in the manifest", "chunks/db0/string/000009.mpz is not in the manifest"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := makeDump(t, both)
			tc.damage(t, dir)
			r := runCommand("check", dir)
			r.failed(t, 13, "the dump is damaged")
			for _, f := range tc.files {
				if !strings.Contains(r.stderr, f) {
					t.Errorf("check does not name %s:\n%s", f, r.stderr)
				}
			}
			if n := strings.Count(r.stderr, "\n") - 1; n != len(tc.files) {
				t.Errorf("%d lines before the error, want %d:\n%s", n, len(tc.files), r.stderr)
			}
		})
	}
}

// TestForeignFiles: what is no part of a dump is named, and is no damage; what systems leave
// everywhere is not even named.
func TestForeignFiles(t *testing.T) {
	dir := makeDump(t, []format.Record{text("a", "1")})
	for _, n := range []string{"NOTES.txt", ".DS_Store", "chunks/.nfs000001", "chunks/db0/string/._000001.mpz", "10.0.0.1_6666/journal"} {
		name := filepath.Join(dir, n)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := runCommand("check", "--quiet", dir)
	if r.code != 0 {
		t.Errorf("exit code %d", r.code)
	}
	if want := "no part of the dump, and ignored: 10.0.0.1_6666/journal, NOTES.txt\n"; r.stderr != want {
		t.Errorf("stderr %q, want %q", r.stderr, want)
	}
}

// TestDamagedList: a load that needs the list of conflicts does not go on without it.
func TestDamagedList(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, dir string){
		"edited": func(t *testing.T, dir string) {
			edit(t, dir, "conflicts.jsonl", func(b []byte) []byte { return bytes.Replace(b, []byte("hash"), []byte("zset"), 1) })
		},
		"missing": func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "conflicts.jsonl")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := makeDump(t, []format.Record{text("x", "1"), hash("x", "f", "v")})
			damage(t, dir)
			m := startTarget(t)
			runCommand("load", "--uri", m.Addr(), "--in", dir, "--on-conflict", "first").
				failed(t, 13, filepath.Join(dir, "conflicts.jsonl"))
			if keys := m.Keys(); len(keys) > 0 {
				t.Errorf("the target has %v", keys)
			}
		})
	}
}
