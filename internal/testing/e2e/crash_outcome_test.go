package e2e

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// An outcome is what two dumps of one source have in common.
type outcome struct {
	manifest  *format.Manifest
	conflicts string
	skipped   []string // in order
}

// readOutcome reads a dump that must be sound.
func readOutcome(t *testing.T, dir string) *outcome {
	t.Helper()
	skipped := slices.Sorted(strings.Lines(readIfThere(t, filepath.Join(dir, format.SkippedName))))
	return &outcome{inspect(t, dir), readIfThere(t, filepath.Join(dir, format.ConflictsName)), skipped}
}

func readIfThere(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return string(data)
}

// mustEqual compares the outcomes of two dumps.
func (want *outcome) mustEqual(t *testing.T, got *outcome) {
	t.Helper()
	w, g := want.manifest, got.manifest
	if len(w.Totals) != len(g.Totals) {
		t.Fatalf("%d totals, want %d", len(g.Totals), len(w.Totals))
	}
	for i, a := range w.Totals {
		b := g.Totals[i]
		if a.DB != b.DB || a.Type != b.Type || a.Keys != b.Keys || a.Elements != b.Elements || a.Expiring != b.Expiring {
			t.Errorf("the totals are %+v, want %+v", b, a)
		}
	}
	if !slices.Equal(g.Skipped, w.Skipped) || !slices.Equal(got.skipped, want.skipped) {
		t.Errorf("skipped %v, want %v\n%swant\n%s", g.Skipped, w.Skipped, strings.Join(got.skipped, ""), strings.Join(want.skipped, ""))
	}
	if g.Conflicts != w.Conflicts || got.conflicts != want.conflicts {
		t.Errorf("%d conflicts, want %d\n%swant\n%s", g.Conflicts, w.Conflicts, got.conflicts, want.conflicts)
	}
	if g.Expired != w.Expired || g.Consistency != w.Consistency {
		t.Errorf("%d expired, %v, want %d, %v", g.Expired, g.Consistency, w.Expired, w.Consistency)
	}
}

// openChunks returns how many chunks of a type end inside a key.
func (o *outcome) openChunks(typ format.Type) (n int) {
	for _, c := range o.manifest.Chunks {
		if c.Type == typ && c.Open {
			n++
		}
	}
	return n
}
