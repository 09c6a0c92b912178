package report

import (
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// TestTotals: an empty database has no rows of zeros, and the rows still sum up.
func TestTotals(t *testing.T) {
	total := func(db int, typ format.Type, keys, stored int64) format.Total {
		return format.Total{DB: db, Type: typ, Chunks: 1, Stored: stored, Stats: format.Stats{Keys: keys, Elements: keys}}
	}
	for want, totals := range map[string][]format.Total{
		`       db    type  keys  elements  expiring  raw  stored  chunks
        0  string     3         3         0  0 B   100 B       1
  no keys             0         0         0  0 B    60 B       3
      all             3         3         0  0 B   160 B       4
`: {total(0, "string", 3, 100), total(0, "hash", 0, 10), total(1, "string", 0, 20), total(1, "hash", 0, 30)},
		`   db    type  keys  elements  expiring  raw  stored  chunks
    0  string     3         3         0  0 B   100 B       1
  all             3         3         0  0 B   100 B       1
`: {total(0, "string", 3, 100)},
	} {
		var b strings.Builder
		if Totals(&b, totals, 0); b.String() != want {
			t.Errorf("%s\nwant\n%s", b.String(), want)
		}
	}
}

// TestTable: what there is no room for goes, and no line is longer than the terminal.
func TestTable(t *testing.T) {
	rows := [][]string{{"name", "one", "two", "three"}, {"a", "1", "22,000", "3"}}
	for width, want := range map[int]string{
		0:  "  name  one     two  three\n     a    1  22,000      3\n",
		26: "  name  one     two  three\n     a    1  22,000      3\n",
		25: "  name  one  three\n     a    1      3\n",
		17: "  name  three\n     a      3\n",
	} {
		var b strings.Builder
		if Table(&b, width, rows, 2, 1); b.String() != want {
			t.Errorf("%d columns:\n%s\nwant\n%s", width, b.String(), want)
		}
	}
}

// TestWidth: neither a dump nor a chain is shown in lines that wrap, at 60 columns and at 80.
func TestWidth(t *testing.T) {
	m := &format.Manifest{
		Info: format.Info{
			Dump: "4f6c0b5e8a7d4c0f9d1e2a3b4c5d6e7f", Tool: "pikadump 1.0", Source: format.Source{Version: "3.5.5", Address: "10.0.0.5:9221", Role: "master"},
			Delta: &format.Delta{Number: 12, Made: format.MadeByBinlog, Base: "4f6c0b5e8a7d4c0f9d1e2a3b4c5d6e7f", After: "4f6c0b5e8a7d4c0f9d1e2a3b4c5d6e7f", To: []format.BinlogPosition{{}}},
		},
		Consistency: format.Consistency{Statement: "not known", Reason: strings.Repeat("a reason ", 20)},
		Totals:      []format.Total{{Type: "string", Chunks: 12_345, Stored: 1 << 40, Stats: format.Stats{Keys: 1_234_567_890, Elements: 1_234_567_890, Raw: 1 << 41}}},
		Skipped:     []format.Reason{{Reason: "expiry-unknown", Keys: 3}},
	}
	for _, width := range []int{60, 80} {
		var b strings.Builder
		Dump(&b, m, width)
		Chain(&b, []*format.Manifest{m}, 13, width)
		for line := range strings.Lines(b.String()) {
			if len(line)-1 > width {
				t.Errorf("longer than %d columns: %s", width, line)
			}
		}
	}
}
