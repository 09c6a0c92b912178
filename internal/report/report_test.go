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
		if Totals(&b, totals); b.String() != want {
			t.Errorf("%s\nwant\n%s", b.String(), want)
		}
	}
}
