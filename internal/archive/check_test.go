package archive

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// sample writes a small dump that has every kind of file, and returns its directory.
func sample(t *testing.T) string {
	t.Helper()
	w := begin(t, 1, 0)
	write(t, w, 0, format.TypeList, listRecord("a", format.PartWhole, "x"), listRecord("b", format.PartWhole, "y"))
	seg := w.Segment(0, format.TypeHash, nil)
	h := record(format.TypeHash, "a")
	if err := errors.Join(seg.Record(&h), seg.Skip([]byte("g"), "gone", ""), seg.Close(nil)); err != nil {
		t.Fatal(err)
	}
	return finish(t, w).Path()
}

// check opens and checks a dump, and returns how many files failed and all that was said.
func check(t *testing.T, dir string) (bad int, said string) {
	t.Helper()
	a, err := Open(t.Context(), dir, 1)
	if err != nil {
		return 1, err.Error()
	}
	defer a.Close()
	bad, err = a.Check(t.Context(), func(format.ChunkInfo) {}, func(err error) { said += err.Error() + "\n" })
	if err != nil {
		t.Fatal(err)
	}
	return bad, said
}

// TestCheckFindsDamage: a bit flipped anywhere, a byte more or less, or a file that is not
// there is found, and the file is named.
func TestCheckFindsDamage(t *testing.T) {
	dir := sample(t)
	if bad, said := check(t, dir); bad != 0 {
		t.Fatalf("a sound dump: %d\n%s", bad, said)
	}
	var names []string
	err := filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() && e.Name() != ".lock" {
			names = append(names, p)
		}
		return err
	})
	if err != nil || len(names) < 8 {
		t.Fatalf("%v, %v", names, err)
	}
	for _, p := range names {
		sound, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		damaged := map[string][]byte{"appended to": append(bytes.Clone(sound), 'x'), "last byte missing": sound[:len(sound)-1], "empty": {}}
		for at := 0; at < len(sound); at += 1 + len(sound)/40 {
			b := bytes.Clone(sound)
			b[at] ^= 1 << (at % 8)
			damaged["flipped"] = b
			for what, data := range damaged {
				if err := os.WriteFile(p, data, 0o600); err != nil {
					t.Fatal(err)
				}
				if bad, said := check(t, dir); bad != 1 || !strings.Contains(said, filepath.Base(p)) {
					t.Errorf("%s %s, at %d: %d failed:\n%s", p, what, at, bad, said)
				}
			}
			clear(damaged)
		}
		if err := os.Remove(p); err != nil {
			t.Fatal(err)
		}
		if bad, said := check(t, dir); bad != 1 || !strings.Contains(said, filepath.Base(p)) {
			t.Errorf("%s missing: %d failed:\n%s", p, bad, said)
		}
		if err := os.WriteFile(p, sound, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if bad, said := check(t, dir); bad != 0 {
		t.Errorf("sound again: %d\n%s", bad, said)
	}
}

// TestTail: whoever reads a file of a dump notices what follows its end, also who reads only parts
// of it.
func TestTail(t *testing.T) {
	dir := sample(t)
	ignore := func([]byte) error { return nil }
	record := func(*format.Record) error { return nil }
	list, hash := "chunks/db0/list/000001.mpz", "chunks/db0/hash/000001.mpz"
	for _, r := range []struct {
		file string
		read func(a *Archive) error
	}{
		{format.ManifestName, func(*Archive) error { return nil }},
		{format.ConflictsName, func(a *Archive) error { return a.Conflicts(func(ConflictKey) error { return nil }) }},
		{format.SkippedName, func(a *Archive) error { return a.Skipped(func(SkippedKey) error { return nil }) }},
		{list, func(a *Archive) error { return a.Find(0, []byte("a"), record) }},
		{hash, func(a *Archive) error { _, err := holds(a, 0, "a"); return err }},
		{list, func(a *Archive) error { return a.Missing(0, all, [][]byte{[]byte("a")}, ignore) }},
		{list, func(a *Archive) error { return a.eachConflict(func(ConflictKey) error { return nil }) }},
		{list, func(a *Archive) error { return a.Keys(0, all, func([]byte, []format.Type) error { return nil }) }},
		{list, func(a *Archive) error {
			return readToEnd(a.OpenUnit(a.Units(func(c format.ChunkInfo) bool { return c.Name == list })[0]))
		}},
		{hash, func(a *Archive) error {
			_, err := a.readFooter(a.Manifest.Chunks[slices.IndexFunc(a.Manifest.Chunks, func(c format.ChunkInfo) bool { return c.Name == hash })])
			return err
		}},
	} {
		path := filepath.Join(dir, r.file)
		sound, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, tail := range []string{"x", "\n", "{}\n", "\x00", strings.Repeat("\x00", 4096), string(sound)} {
			if err := os.WriteFile(path, append(bytes.Clone(sound), tail...), 0o600); err != nil {
				t.Fatal(err)
			}
			a, err := Open(t.Context(), dir, 1)
			if err == nil {
				err = r.read(a)
				a.Close()
			}
			if !errors.As(err, new(*format.CorruptError)) || !strings.Contains(err.Error(), filepath.Base(r.file)) {
				t.Errorf("%s and %.9q, %d bytes: %v", r.file, tail, len(tail), err)
			}
		}
		if err := os.WriteFile(path, sound, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func readToEnd(s *UnitSource) error {
	defer s.Close()
	for {
		if _, err := s.Next(); err != nil {
			return err
		}
	}
}

func TestCheckStray(t *testing.T) {
	dir := sample(t)
	for _, name := range []string{"notes", "chunks/db0/list/000099.mpz", "chunks/db0/hash/.tmp-000002.mpz"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if bad, said := check(t, dir); bad != 1 || strings.Contains(said, "notes") || !strings.Contains(said, "000099.mpz is not") {
		t.Errorf("%d failed:\n%s", bad, said)
	}
}

func TestCheckStops(t *testing.T) {
	a, err := Open(t.Context(), sample(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if _, err := a.Check(ctx, func(format.ChunkInfo) {}, func(error) {}); !errors.Is(err, cause) {
		t.Errorf("check: %v", err)
	}
}

// TestCreateTaken: a directory with anything in it is refused; what is left of a run that died
// before it began does not count.
func TestCreateTaken(t *testing.T) {
	for _, tc := range []struct {
		files []string
		says  string
	}{
		{[]string{"manifest.json", "dump.json", "chunks/x"}, "a finished dump"},
		{[]string{"dump.json", "chunks/x"}, "an unfinished dump"},
		{[]string{"a", "b"}, "a file, a"},
		{[]string{".tmp-dump.json"}, ""},
	} {
		dir := t.TempDir()
		for _, name := range tc.files {
			p := filepath.Join(dir, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o700), os.WriteFile(p, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		w, err := Create(t.Context(), dir, begin(t, 0, 0).Info, Options{})
		switch {
		case tc.says == "" && err != nil:
			t.Errorf("%v: %v", tc.files, err)
		case tc.says != "" && (!errors.Is(err, ErrExists) || !strings.Contains(err.Error(), tc.says)):
			t.Errorf("%v: %v, want %q", tc.files, err, tc.says)
		}
		if err == nil {
			w.Close()
		}
	}
}
