package loadstate

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// TestVerifications: what came of comparisons is kept beside a journal, and nowhere if there is
// none; those of other dumps are not read.
func TestVerifications(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	v := Verification{Dump: "d", Ended: time.Now(), Comparison: summary.Comparison{Keys: 7, Differing: 1, Differences: []summary.Difference{{Kind: "value", Keys: 1}}}}
	keep := func(v Verification) {
		t.Helper()
		if err := v.Keep(t.Context(), Location{Dump: "x", State: dir}, nil); err != nil {
			t.Fatal(err)
		}
	}
	keep(v)
	if _, err := os.Stat(dir); err == nil {
		t.Error("it made a state where none was")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	keep(v)
	keep(v)
	later := v
	later.Ended = v.Ended.Add(time.Hour)
	later.Equal = true
	keep(later)
	other := v
	other.Dump, other.Ended = "another", v.Ended.Add(time.Minute)
	keep(other)
	all, err := ReadVerifications(t.Context(), dir, "d")
	if err != nil || len(all) != 2 || all[0].Equal || !all[1].Equal || all[0].Keys != 7 || all[0].Differences[0].Kind != "value" {
		t.Errorf("%v: %+v", err, all)
	}
}
