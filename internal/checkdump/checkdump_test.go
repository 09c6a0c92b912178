package checkdump

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
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
