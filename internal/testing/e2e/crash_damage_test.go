package e2e

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// A damage is what a run may find that resumes a dump.
type damage struct {
	name   string
	do     func(t *testing.T, dir string)
	code   int    // of --resume; 0: the dump is repaired and finished
	reason string // what --resume says
}

// TestDumpDamage: --resume repairs what it finds, or refuses it and changes no chunk.
func TestDumpDamage(t *testing.T) {
	parallel(t)
	s, h := simulateCrash(t, pikasim.V355)
	c := newCrasher(t, s, h)
	base, middle := unfinishedDump(t, c)
	for _, d := range damages(t, c, middle) {
		t.Run(d.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "dump")
			if err := os.CopyFS(dir, os.DirFS(base)); err != nil {
				t.Fatal(err)
			}
			d.do(t, dir)
			before := fingerprints(t, dir)
			code, stderr := c.start(t, dir, "--resume").wait(t)
			if !strings.Contains(stderr, d.reason) {
				t.Errorf("stderr does not say %q:\n%s", d.reason, stderr)
			}
			if d.code == 0 {
				c.mustEnd(t, code, stderr)
				c.check(t, dir)
				return
			}
			mustRefuse(t, code, stderr, d.code)
			after := fingerprints(t, dir)
			for name, sum := range before {
				if strings.HasPrefix(name, "chunks/") && after[name] != sum {
					t.Errorf("%s was changed", name)
				}
			}
		})
	}
}

// unfinishedDump returns a dump that was stopped before its manifest was written, and a chunk of it
// that holds neither the beginning nor the end of its key.
func unfinishedDump(t *testing.T, c *crasher) (dir, middle string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "base")
	c.mustEnd(t, c.run(t, dir), "base")
	for _, info := range inspect(t, dir).Chunks {
		if info.Continues && info.Open {
			middle = info.Name
		}
	}
	if middle == "" {
		t.Fatal("no key fills three chunks: too few for this test")
	}
	remove(t, filepath.Join(dir, format.ManifestName))
	return dir, middle
}

// mustRefuse checks that a run ended with the code and one line that says why.
func mustRefuse(t *testing.T, code int, stderr string, want int) {
	t.Helper()
	if code != want {
		t.Fatalf("exit code %d, want %d\n%s", code, want, stderr)
	}
	if n := strings.Count(stderr, "pikadump: "); n != 1 {
		t.Errorf("%d lines say why:\n%s", n, stderr)
	}
}

func damages(t *testing.T, c *crasher, middle string) []damage {
	other, _ := unfinishedDump(t, c)
	var list []damage
	bend := map[string]func([]byte) []byte{
		"cut":    func(b []byte) []byte { return b[:len(b)/2] },
		"empty":  func([]byte) []byte { return nil },
		"zeroed": func(b []byte) []byte { return make([]byte, len(b)) },
		"tail zeroed": func(b []byte) []byte {
			clear(b[len(b)*2/3:])
			return b
		},
		"flipped": func(b []byte) []byte {
			b[len(b)/2] ^= 0x10
			return b
		},
		"longer": func(b []byte) []byte { return append(b, "more"...) },
	}
	for what, f := range bend {
		if testing.Short() && what != "cut" {
			continue
		}
		list = append(list,
			damage{"newest chunks " + what, func(t *testing.T, dir string) {
				files := chunkFiles(t, dir)
				for _, p := range files[len(files)-2:] {
					rewrite(t, p, f)
				}
			}, 0, "read anew"},
			damage{"every third chunk " + what, func(t *testing.T, dir string) {
				for i, p := range chunkFiles(t, dir) {
					if i%3 == 0 {
						rewrite(t, p, f)
					}
				}
			}, 0, "read anew"})
		if what == "longer" || what == "tail zeroed" {
			continue
		}
		list = append(list,
			damage{"dump.json " + what, func(t *testing.T, dir string) {
				rewrite(t, filepath.Join(dir, format.InfoName), f)
			}, 13, format.InfoName},
			damage{"manifest.json " + what, func(t *testing.T, dir string) {
				again(t, c, dir)
				rewrite(t, filepath.Join(dir, format.ManifestName), f)
			}, 0, "written anew"},
			damage{"a list " + what, func(t *testing.T, dir string) {
				rewrite(t, filepath.Join(dir, format.SkippedName), f)
			}, 0, "resuming"})
	}
	return append(list, []damage{
		{"as it is", func(*testing.T, string) {}, 0, "resuming"},
		{"newest chunks lost", func(t *testing.T, dir string) {
			files := chunkFiles(t, dir)
			for _, p := range files[len(files)-3:] {
				remove(t, p)
			}
		}, 0, "resuming"},
		{"the middle of a key lost", func(t *testing.T, dir string) { remove(t, filepath.Join(dir, middle)) }, 0, "not whole"},
		{"the middle of a key cut", func(t *testing.T, dir string) { rewrite(t, filepath.Join(dir, middle), bend["cut"]) }, 0, "not whole"},
		{"every second chunk lost", func(t *testing.T, dir string) {
			for i, p := range chunkFiles(t, dir) {
				if i%2 == 0 {
					remove(t, p)
				}
			}
		}, 0, "resuming"},
		{"no chunks", func(t *testing.T, dir string) {
			for _, p := range chunkFiles(t, dir) {
				remove(t, p)
			}
		}, 0, ""},
		{"temporary files", func(t *testing.T, dir string) {
			for _, name := range []string{".tmp-manifest.json", ".tmp-dump.json", "chunks/db0/hash/.tmp-000001.mpz", "chunks/db0/list/.tmp-000099.mpz"} {
				write(t, filepath.Join(dir, name), "half of")
			}
		}, 0, "resuming"},
		{"a lock of a dead run", func(t *testing.T, dir string) { write(t, filepath.Join(dir, ".lock"), "process 1 on earth\n") }, 0, "resuming"},
		{"a chunk under two names", func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "chunks/db0/string/000099.mpz"), read(t, filepath.Join(dir, "chunks/db0/string/000001.mpz")))
		}, 0, "another name"},
		{"a chunk of another dump", func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "chunks/db0/string/000001.mpz"), read(t, filepath.Join(other, "chunks/db0/string/000001.mpz")))
		}, 5, "chunks/db0/string/000001.mpz belongs to dump"},
		{"dump.json of another dump", func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, format.InfoName), read(t, filepath.Join(other, format.InfoName)))
		}, 5, "belongs to dump"},
		{"no dump.json", func(t *testing.T, dir string) { remove(t, filepath.Join(dir, format.InfoName)) }, 5, "not empty"},
		{"chunks that overlap", overlap, 5, "keys in common"},
	}...)
}

// overlap adds a chunk without keys to a dump whose range others have.
func overlap(t *testing.T, dir string) {
	info, err := format.ParseInfo([]byte(read(t, filepath.Join(dir, format.InfoName))))
	if err != nil {
		t.Fatal(err)
	}
	codec, err := format.NewCodec(0, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer codec.Close()
	var b bytes.Buffer
	w, err := format.NewChunkWriter(&b, codec, format.Header{Dump: info.Dump, DB: 0, Type: format.TypeSet, Number: 1000, Start: []byte("a"), Writer: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close([]byte("b")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, format.ChunkName(0, format.TypeSet, 1000)), b.String())
}

// TestDumpInto: what stands where a dump is to be written, with and without --resume.
func TestDumpInto(t *testing.T) {
	parallel(t)
	s, h := simulateCrash(t, pikasim.V355)
	c := newCrasher(t, s, h)
	for _, flags := range [][]string{nil, {"--resume"}} {
		for name, files := range map[string][]string{
			"nothing": nil, "a lock": {".lock"}, "temporaries": {".tmp-dump.json"}, "both": {".lock", ".tmp-dump.json"},
		} {
			t.Run(fmt.Sprint(name, " ", flags), func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "dump")
				for _, f := range files {
					write(t, filepath.Join(dir, f), "{")
				}
				code, stderr := c.start(t, dir, flags...).wait(t)
				c.mustEnd(t, code, stderr)
				c.check(t, dir)
			})
		}
		t.Run(fmt.Sprint("files of others ", flags), func(t *testing.T) {
			dir := t.TempDir()
			for _, f := range []string{"letter.txt", ".tmp-mine", "photos/.tmp-sea.jpg", "photos/sea.jpg"} {
				write(t, filepath.Join(dir, f), "precious")
			}
			before := fingerprints(t, dir)
			code, stderr := c.start(t, dir, flags...).wait(t)
			mustRefuse(t, code, stderr, 5)
			mustStay(t, dir, before)
		})
	}
}

// again finishes a dump.
func again(t *testing.T, c *crasher, dir string) {
	t.Helper()
	c.mustEnd(t, c.run(t, dir, "--resume"), "again")
}

// fingerprints returns what each file of a directory holds.
func fingerprints(t *testing.T, dir string) map[string][sha256.Size]byte {
	t.Helper()
	sums := map[string][sha256.Size]byte{}
	for _, name := range allFiles(t, dir) {
		sums[name] = sha256.Sum256([]byte(read(t, filepath.Join(dir, name))))
	}
	return sums
}

// mustStay checks that a directory holds what it held before.
func mustStay(t *testing.T, dir string, before map[string][sha256.Size]byte) {
	t.Helper()
	after := fingerprints(t, dir)
	for name, sum := range before {
		if after[name] != sum {
			t.Errorf("%s was changed, or is gone", name)
		}
		delete(after, name)
	}
	for name := range after {
		t.Errorf("%s is new", name)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func rewrite(t *testing.T, path string, f func([]byte) []byte) {
	t.Helper()
	write(t, path, string(f([]byte(read(t, path)))))
}
