package archive

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// Gaps returns the ranges of a database and type that no chunk covers: all of it for a new dump.
func (w *Writer) Gaps(db int, t format.Type) ([]Range, error) {
	var gaps []Range
	var from []byte // first key that is not covered
	all := true     // from is the first key of all
	for _, c := range w.chunks {
		if c.DB != db || c.Type != t {
			continue
		}
		switch n := bytes.Compare(c.Start, from); {
		case from == nil && !all, n < 0:
			return nil, fmt.Errorf("%w: %s and another chunk have keys in common; move one of them away, or dump into another directory", ErrDiffers, c.Name)
		case n > 0:
			gaps = append(gaps, Range{from, c.Start})
		}
		from, all = c.End, false
	}
	if from != nil || all {
		gaps = append(gaps, Range{from, nil})
	}
	return gaps, nil
}

// Holding returns what the chunks of a database and type hold.
func (w *Writer) Holding(db int, t format.Type) (sum format.Stats) {
	for _, c := range w.chunks {
		if c.DB == db && c.Type == t {
			sum.Add(c.Stats)
		}
	}
	return sum
}

// Resumed reports whether earlier runs have done something.
func (w *Writer) Resumed() bool { return w.resumed }

// Totals returns what there is of the dump, or of the share, by database and type.
func (w *Writer) Totals() []format.Total {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := format.Manifest{Chunks: slices.Clone(w.chunks)}
	m.SumUp()
	return m.Totals
}

// Holds says what there is of the dump, or of the share.
func (w *Writer) Holds() string {
	chunks, keys := 0, int64(0)
	for _, t := range w.Totals() {
		chunks, keys = chunks+t.Chunks, keys+t.Keys
	}
	return progress.Plural(chunks, "chunk", "chunks") + " with " + progress.Plural(keys, "key", "keys")
}
