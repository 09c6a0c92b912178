package format

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Programs that know nothing of this package read chunks.

// need returns where a program is. It skips the test if it is missing; not in CI.
func need(t *testing.T, what string, paths ...string) string {
	t.Helper()
	for _, p := range paths {
		if p, err := exec.LookPath(p); err == nil {
			if what == "zstd" || exec.Command(p, "-c", "import msgpack").Run() == nil {
				return p
			}
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed", what)
	}
	t.Skipf("NO %s IS INSTALLED: chunks are not read by other programs", what)
	return ""
}

func TestZstdProgram(t *testing.T) {
	zstd := need(t, "zstd", "zstd")
	for _, typ := range Types {
		recs := sampleRecords(typ)
		path := filepath.Join(t.TempDir(), "chunk.mpz")
		if err := os.WriteFile(path, mustChunk(t, testHeader(typ), recs, nil), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(zstd, "-t", path).CombinedOutput(); err != nil {
			t.Errorf("zstd -t: %v: %s", err, out)
		}
		raw, err := exec.Command(zstd, "-dc", path).Output()
		if err != nil {
			t.Fatal(err)
		}
		want := goodHeader(typ)
		for i := range recs {
			want = AppendRecord(want, &recs[i])
		}
		if !bytes.HasPrefix(raw, want) || !isMap(raw[len(want):]) {
			t.Errorf("%s: zstd -dc gives %q, want %q and a footer", typ, raw, want)
		}
	}
}

// TestFramesOfZstdProgram reads frames that the zstd program compressed, at its levels and
// with its ways of making blocks.
func TestFramesOfZstdProgram(t *testing.T) {
	zstd := need(t, "zstd", "zstd")
	var text []byte
	for i := 0; len(text) < 300<<10; i++ {
		text = fmt.Appendf(text, "user:%d {\"name\":\"n%d\",\"score\":%d}\n", i, i*7919%1000, i*i%977)
	}
	for _, level := range []string{"-1", "-3", "-9", "-19", "--fast=5"} {
		for _, n := range []int{1, 255, 256, 1 << 17, 1<<17 + 1, len(text)} {
			path := filepath.Join(t.TempDir(), "raw")
			if err := os.WriteFile(path, text[:n], 0o644); err != nil {
				t.Fatal(err)
			}
			z, err := exec.Command(zstd, "-qc", "--check", "--content-size", level, path).Output()
			if err != nil {
				t.Fatal(err)
			}
			f, err := readFrame(bufio.NewReader(bytes.NewReader(z)), nil, nil)
			if err != nil {
				t.Fatalf("%s, %d bytes: %v", level, n, err)
			}
			if raw, err := testCodec.decode(f, nil); err != nil || !bytes.Equal(raw, text[:n]) {
				t.Fatalf("%s, %d bytes: %v", level, n, err)
			}
		}
	}
}

// TestReadChunk reads the golden dumps with docs/read_chunk.py and docs/read_chunk.mjs, which were
// written from docs/FORMAT.md, and compares every record.
func TestReadChunk(t *testing.T) {
	var chunks, want []string
	for _, g := range goldenSets() {
		for _, name := range g.files(t) {
			if !strings.HasSuffix(name, ".mpz") {
				continue
			}
			data, err := os.ReadFile(g.path(name))
			if err != nil {
				t.Fatal(err)
			}
			_, recs, _, err := readAll(data)
			if err != nil {
				t.Fatal(err)
			}
			chunks = append(chunks, g.path(name))
			for i := range recs {
				want = append(want, pythonLine(t, &recs[i]))
			}
		}
	}
	if len(want) < 90 {
		t.Errorf("only %d records to compare", len(want))
	}
	docs := filepath.Join("..", "docs")
	for name, program := range map[string]func(t *testing.T) (path string, env []string){
		"read_chunk.py": func(t *testing.T) (string, []string) {
			need(t, "zstd", "zstd")
			return need(t, "python3 with msgpack", "/usr/bin/python3", "python3"), nil
		},
		"read_chunk.mjs": node,
	} {
		t.Run(name, func(t *testing.T) {
			path, env := program(t)
			reader := func(files ...string) *exec.Cmd {
				cmd := exec.Command(path, append([]string{filepath.Join(docs, name)}, files...)...)
				cmd.Env = env
				return cmd
			}
			cmd := reader(chunks...)
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
			if len(lines) != len(want) {
				t.Fatalf("%d records, want %d", len(lines), len(want))
			}
			for i, line := range lines {
				if line != want[i] {
					t.Errorf("record %d:\n     %.300s\nwant %.300s", i, line, want[i])
				}
			}
			data := mustChunk(t, deltaHeader(TypeHash), sampleDelta(TypeHash), nil)
			broken := filepath.Join(t.TempDir(), "damaged.mpz")
			for at := 0; at < len(data); at += 41 {
				damaged := bytes.Clone(data)
				damaged[at] ^= 4
				if err := os.WriteFile(broken, damaged, 0o644); err != nil {
					t.Fatal(err)
				}
				if err := reader(broken).Run(); err == nil {
					t.Errorf("it accepts a chunk with byte %d damaged", at)
				}
			}
		})
	}
}

// node returns Node, and the environment in which it knows what npm has installed for all. It skips
// the test if what docs/read_chunk.mjs needs is missing; not in CI.
func node(t *testing.T) (path string, env []string) {
	t.Helper()
	global, err := exec.Command("npm", "root", "-g").Output()
	env = append(os.Environ(), "NODE_PATH="+strings.TrimSpace(string(global)))
	if err == nil {
		ask := exec.Command("node", "-e", "require('@msgpack/msgpack'); require('zlib').zstdDecompressSync || require('fzstd')")
		ask.Env = env
		err = ask.Run()
	}
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("node with @msgpack/msgpack and fzstd is not installed: %v", err)
	default:
		t.Skip("NO node WITH @msgpack/msgpack AND fzstd IS INSTALLED: docs/read_chunk.mjs is not tested")
	}
	return "node", env
}

// pythonLine returns what read_chunk.py and read_chunk.mjs print for r.
func pythonLine(t *testing.T, r *Record) string {
	t.Helper()
	b64 := base64.StdEncoding.EncodeToString
	list := func(bulks [][]byte) []any {
		out := []any{}
		for _, v := range bulks {
			out = append(out, b64(v))
		}
		return out
	}
	line := []any{r.Kind, b64(r.Key), r.Expire}
	if r.Kind == Deleted {
		line = line[:2]
	} else if r.Kind != HyperLogLog {
		line = append(line, r.Part)
	}
	switch r.Kind {
	case Deleted:
	case String, HyperLogLog:
		line = append(line, b64(r.Value))
	case Zset:
		elems := []any{}
		for i, m := range r.Elems {
			elems = append(elems, b64(m), fmt.Sprintf("%016x", math.Float64bits(r.Scores[i])))
		}
		line = append(line, elems)
	case Stream:
		entries := []any{}
		for _, e := range r.Entries {
			entries = append(entries, []any{e.ID.Ms, e.ID.Seq, list(e.Fields)})
		}
		line = append(line, entries, nil)
		if s := r.State; s != nil {
			line[len(line)-1] = []any{s.LastID.Ms, s.LastID.Seq, s.MaxDeletedID.Ms, s.MaxDeletedID.Seq, s.EntriesAdded}
		}
	default:
		line = append(line, list(r.Elems))
	}
	data, err := json.Marshal(line)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(data), ",", ", ")
}
