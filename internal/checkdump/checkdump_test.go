package checkdump

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

// check checks what is there, and returns what is said of it.
func check(t *testing.T, location string) (s *summary.Summary, log string, err error) {
	t.Helper()
	var b strings.Builder
	s = summary.New("test", "", "check")
	err = Run(t.Context(), Options{
		Location: location, Summary: s, Log: &b, NewMeter: func() (*progress.Meter, error) { return progress.NewMeter(), nil },
	})
	return s, b.String(), err
}

func makeDump(t *testing.T) string {
	t.Helper()
	return smalldump.Make(t, smalldump.Options{}, []format.Record{smalldump.String("a", "1"), smalldump.Hash("h", "f", "v")})
}

// TestRun: what a sound dump holds, and every file of one that is not as it was written.
func TestRun(t *testing.T) {
	dir := makeDump(t)
	if err := os.WriteFile(filepath.Join(dir, "note.txt"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, log, err := check(t, dir)
	if err != nil || !s.Finished || s.Keys != 2 || !strings.Contains(log, "no part of the dump, and ignored: note.txt") {
		t.Errorf("%v: %+v\n%s", err, s.Counts, log)
	}
	chunks, err := filepath.Glob(filepath.Join(dir, "chunks", "*", "*", "*"))
	if err != nil || len(chunks) < 2 {
		t.Fatal(chunks, err)
	}
	for _, name := range chunks[:2] {
		data, err := os.ReadFile(name)
		if err == nil {
			data[len(data)/2] ^= 1
			err = os.WriteFile(name, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s, log, err = check(t, dir)
	if !errors.Is(err, ErrDamaged) || s.Finished || !strings.Contains(log, filepath.Base(chunks[0])) || !strings.Contains(log, filepath.Base(chunks[1])) {
		t.Errorf("%v\n%s", err, log)
	}
	if _, _, err := check(t, filepath.Join(t.TempDir(), "nosuch")); !errors.Is(err, archive.ErrIncomplete) {
		t.Errorf("of no dump: %v", err)
	}
}

// encrypt puts an encrypted dump in the place of one that is not.
func encrypt(t *testing.T, dir string, id *age.X25519Identity) {
	t.Helper()
	out, err := storage.CreateDir(dir + "-")
	if err != nil {
		t.Fatal(err)
	}
	s, err := encryption.Create(out, encryption.Keys{Recipients: []age.Recipient{id.Recipient()}}, false)
	if err != nil {
		t.Fatal(err)
	}
	chunks, err := filepath.Glob(filepath.Join(dir, "chunks", "*", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	s.(*encryption.Store).SetFiles(names)
	for _, path := range slices.Concat([]string{filepath.Join(dir, format.InfoName)}, chunks, []string{filepath.Join(dir, format.ManifestName)}) {
		name, _ := strings.CutPrefix(filepath.ToSlash(path), filepath.ToSlash(dir)+"/")
		names[name] = true
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := s.Create(name)
		if err == nil {
			_, err = f.Write(data)
		}
		if err == nil {
			err = f.Commit()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.RemoveAll(dir), os.Rename(dir+"-", dir)); err != nil {
		t.Fatal(err)
	}
}

// TestPartlyEncrypted: of a chain that is encrypted in part all files are counted, also without an
// identity, and no time is named that is not known; of what is damaged it is not said that it is
// sound.
func TestPartlyEncrypted(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	chain, base := filepath.Join(t.TempDir(), "chain"), makeDump(t)
	first, second := archive.DeltaPath(chain, 1), archive.DeltaPath(chain, 2)
	smalldump.Delta(t, first, base, []format.Record{smalldump.String("a", "2")})
	smalldump.Delta(t, second, first, []format.Record{smalldump.String("a", "3")})
	s, _, err := check(t, chain)
	if s.End(err, 0); err != nil || !strings.Contains(s.String(), "sound: 2 deltas") {
		t.Errorf("%v\n%s", err, s)
	}
	encrypt(t, second, id)
	s, log, err := check(t, chain)
	s.End(err, 0)
	if text := s.String(); err != nil || s.Written != 16 || strings.Contains(text, "0001-") || !strings.Contains(text, "sound: 16 files") || !strings.Contains(text, "but for 1 delta: every file") {
		t.Errorf("%v: %d files\n%s%s", err, s.Written, log, text)
	}
	chunks, err := filepath.Glob(filepath.Join(first, "chunks", "*", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(chunks[0], 10); err != nil {
		t.Fatal(err)
	}
	s, _, err = check(t, chain)
	s.End(err, exitcode.Corrupt)
	if text := s.String(); !errors.Is(err, ErrDamaged) || strings.Contains(text, "sound") || strings.Contains(text, "every file is there") || !strings.Contains(text, "looked at 16 files") {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestChain: each delta of a chain is checked. The last may be unfinished, but not one before it.
func TestChain(t *testing.T) {
	chain, last := filepath.Join(t.TempDir(), "chain"), makeDump(t)
	for n := 1; n <= 3; n++ {
		d := archive.DeltaPath(chain, n)
		smalldump.Delta(t, d, last, []format.Record{smalldump.String("a", "2")})
		last = d
	}
	if s, log, err := check(t, chain); err != nil || s.Chain.Number != 3 || s.Keys != 3 {
		t.Errorf("%v: %+v\n%s", err, s.Chain, log)
	}
	for n := 3; n >= 2; n-- {
		if err := os.Remove(filepath.Join(archive.DeltaPath(chain, n), format.ManifestName)); err != nil {
			t.Fatal(err)
		}
		s, log, err := check(t, chain)
		if n == 3 && (err != nil || s.Chain.Number != 2 || !strings.Contains(strings.Join(s.Notes, "\n"), "delta 3 is not finished")) {
			t.Errorf("without the last: %v: %+v %q\n%s", err, s.Chain, s.Notes, log)
		}
		if n == 2 && err == nil {
			t.Errorf("without one before it: %+v", s.Chain)
		}
	}
}
