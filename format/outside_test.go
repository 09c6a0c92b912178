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
			f, err := readFrame(bufio.NewReader(bytes.NewReader(z)), nil)
			if err != nil {
				t.Fatalf("%s, %d bytes: %v", level, n, err)
			}
			if raw, err := testCodec.decode(f, nil); err != nil || !bytes.Equal(raw, text[:n]) {
				t.Fatalf("%s, %d bytes: %v", level, n, err)
			}
		}
	}
}

// TestReadChunkPy reads the golden dump with docs/read_chunk.py, which was written from
// docs/FORMAT.md, and compares every record.
func TestReadChunkPy(t *testing.T) {
	need(t, "zstd", "zstd")
	python := need(t, "python3 with msgpack", "/usr/bin/python3", "python3")
	script := filepath.Join("..", "docs", "read_chunk.py")
	n := 0
	var chunks []string
	for _, g := range goldenSets() {
		for _, name := range g.files(t) {
			if strings.HasSuffix(name, ".mpz") {
				chunks = append(chunks, g.path(name))
			}
		}
	}
	for _, path := range chunks {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, recs, _, err := readAll(data)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(python, script, path)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
		if len(out) == 0 {
			lines = nil
		}
		if len(lines) != len(recs) {
			t.Fatalf("%s: %d records, want %d", path, len(lines), len(recs))
		}
		for i, line := range lines {
			if want := pythonLine(t, &recs[i]); line != want {
				t.Errorf("%s, record %d:\npython %.300s\nwant   %.300s", path, i, line, want)
			}
			n++
		}
	}
	if n < 90 {
		t.Errorf("only %d records compared", n)
	}

	data := mustChunk(t, deltaHeader(TypeHash), sampleDelta(TypeHash), nil)
	path := filepath.Join(t.TempDir(), "damaged.mpz")
	for at := 0; at < len(data); at += 41 {
		damaged := bytes.Clone(data)
		damaged[at] ^= 4
		if err := os.WriteFile(path, damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := exec.Command(python, script, path).Run(); err == nil {
			t.Errorf("read_chunk.py accepts a chunk with byte %d damaged", at)
		}
	}
}

// pythonLine returns what read_chunk.py prints for r.
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
