package follow

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// mostLeft is how many keys are known by name that were left out. Those beyond are only counted.
const mostLeft = 100_000

// A leftOut knows which keys were written and are in no delta, or not wholly, since this run began:
// one that a later delta has is left out no more.
type leftOut struct {
	o      *Options
	keys   map[leftKey]string // reason
	beyond int64
	list   string // of the last delta that left any out
}

type leftKey struct {
	db   int
	typ  format.Type
	name string
}

func newLeftOut(o *Options) *leftOut { return &leftOut{o: o, keys: map[leftKey]string{}} }

// delta takes what a delta left out.
func (l *leftOut) delta(ctx context.Context, c *cut, m *format.Manifest, location string) error {
	if len(l.keys) > 0 {
		for k := range l.keys {
			if _, has := slices.BinarySearchFunc(c.names[k.db], k.name, func(n []byte, s string) int { return strings.Compare(string(n), s) }); has {
				delete(l.keys, k)
			}
		}
	}
	if !slices.ContainsFunc(m.Skipped, func(r format.Reason) bool { return r.Reason != string(reader.DeletedOrExpired) }) {
		return nil
	}
	l.list = storage.Join(location, format.SkippedName)
	if k := l.o.Archive.Keys; len(k.Recipients) > 0 {
		l.list += format.EncryptedSuffix
		if len(k.Identities) == 0 { // nobody can read which they are
			for _, r := range m.Skipped {
				if r.Reason != string(reader.DeletedOrExpired) {
					l.beyond += r.Keys
				}
			}
			return nil
		}
	}
	a, err := archive.OpenAny(ctx, location, 1, l.o.Archive.Keys.Identities...)
	if err != nil {
		return err
	}
	defer a.Close()
	return a.Skipped(func(k archive.SkippedKey) error {
		switch {
		case k.Reason == string(reader.DeletedOrExpired):
		case len(l.keys) >= mostLeft:
			l.beyond++
		default:
			l.keys[leftKey{k.DB, k.Type, string(k.Key)}] = k.Reason
		}
		return nil
	})
}

// summarize says what is left out.
func (l *leftOut) summarize() {
	counts := map[string]int64{}
	for _, reason := range l.keys {
		counts[reason]++
	}
	for _, r := range slices.Sorted(maps.Keys(counts)) {
		l.o.Summary.Leave(r, counts[r], report.Reasons[r], true, l.list)
	}
	if l.beyond > 0 {
		l.o.Summary.Leave("others", l.beyond, "see skipped.jsonl of the deltas", true, l.list)
	}
}

// ending returns a LeftOut error if keys are left out.
func (l *leftOut) ending() error {
	n := int64(len(l.keys)) + l.beyond
	if n == 0 {
		return nil
	}
	return &exitcode.LeftOutError{Text: fmt.Sprintf("%s written and in no delta, or not wholly: see skipped.jsonl of the deltas, the last of them %s",
		progress.Plural(n, "key was", "keys were"), l.list)}
}
