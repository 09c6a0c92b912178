package export

import (
	"bytes"
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

// sources are a dump, and a chain above it with one delta and one that is not finished.
func sources(t *testing.T) (base, chain *Source) {
	t.Helper()
	dir := smalldump.Make(t, smalldump.Options{}, []format.Record{smalldump.String("a", "1"), smalldump.String("b", "2")})
	deltas := filepath.Join(t.TempDir(), "chain")
	smalldump.Delta(t, archive.DeltaPath(deltas, 1), dir, []format.Record{smalldump.Deleted("a"), smalldump.String("c", "3")})
	of := func(location string) *Source {
		return &Source{Location: location, Summary: summary.New("test", "", "test"), Log: io.Discard}
	}
	return of(dir), of(deltas)
}

// TestInspect: the manifest of a dump, and those of the deltas of a chain in an array.
func TestInspect(t *testing.T) {
	base, chain := sources(t)
	for _, x := range []struct {
		s     *Source
		first byte
		says  string
	}{{base, '{', "from "}, {chain, '[', "delta"}} {
		var asJSON, text bytes.Buffer
		if err := x.s.Inspect(t.Context(), &asJSON, true); err != nil || asJSON.Bytes()[0] != x.first || !json.Valid(asJSON.Bytes()) {
			t.Errorf("%v: %s", err, asJSON.String())
		}
		if !strings.Contains(asJSON.String(), `"chunks": [`) {
			t.Errorf("without chunks: %s", asJSON.String())
		}
		if err := x.s.Inspect(t.Context(), &text, false); err != nil || !strings.Contains(text.String(), x.says) {
			t.Errorf("%v: %s", err, text.String())
		}
	}
}

// TestSource: a chain is shown and counted above its base only, and the summary knows which dump it
// is of.
func TestSource(t *testing.T) {
	base, chain := sources(t)
	if _, err := chain.Open(t.Context()); err == nil || !strings.Contains(err.Error(), "stats and report take it with its --base") {
		t.Errorf("a chain without its base: %v", err)
	}
	chain.Base = base.Location
	for s, want := range map[*Source]string{base: "a b", chain: "b c"} {
		var out bytes.Buffer
		if err := s.Show(t.Context(), &out, Options{Format: CSV, Log: io.Discard}, (*Exporter).Cat); err != nil {
			t.Fatal(err)
		}
		for _, key := range strings.Fields(want) {
			if !strings.Contains(out.String(), ","+key+",") {
				t.Errorf("%q has no key %s", out.String(), key)
			}
		}
		meter := progress.NewMeter()
		a, counted, err := s.Count(t.Context(), 1, meter, "stats")
		if err != nil {
			t.Fatal(err)
		}
		if counted.Keys != 2 || s.Summary.Dump.ID != a.Manifest.Dump || !s.Summary.Finished {
			t.Errorf("%d keys, summary of %q", counted.Keys, s.Summary.Dump.ID)
		}
		if got := meter.Snapshot(); got.Chunks == 0 {
			t.Error("no chunk is counted")
		}
		a.Close()
	}
}
