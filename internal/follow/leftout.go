package follow

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// mostLeft is how many keys are known by name that were left out. Those beyond are only counted.
const mostLeft = 100_000

// A leftOut knows which keys were written and are in no delta of the chain, or not wholly.
type leftOut struct {
	o      *Options
	keys   map[leftKey]leftWhy
	beyond int64
	last   string // the list that names the last of those beyond
}

type leftKey struct {
	db   int
	typ  format.Type
	name string
}

type leftWhy struct{ reason, list string }

// earlier takes what the deltas left out that earlier runs have made.
func (l *leftOut) earlier(ctx context.Context, c *chain) error {
	numbers, err := archive.WithSkipped(ctx, c.o.Chain, len(c.members))
	if err != nil || len(numbers) == 0 {
		return err
	}
	for n := slices.Min(numbers); n <= len(c.members); n++ { // those before have nothing to take off
		location := archive.DeltaPath(c.o.Chain, n)
		a, err := archive.OpenAny(ctx, location, 1, l.o.Archive.Keys.Identities...)
		if err != nil {
			return err
		}
		if err = l.has(a); err == nil {
			err = l.add(ctx, a.Manifest, location)
		}
		a.Close()
		if err != nil {
			return fmt.Errorf("read what %s has left out: %w", location, err)
		}
	}
	if n, lists := l.count(); n > 0 {
		fmt.Fprintf(l.o.Log, "warning: earlier deltas have left out %s: see %s\n", progress.Plural(n, "key", "keys"), lists)
	}
	return nil
}

// has forgets the keys that a delta of an earlier run has.
func (l *leftOut) has(a *archive.Archive) error {
	var names *archive.NameCursor
	defer func() {
		if names != nil {
			names.Close()
		}
	}()
	at := -1 // the database of names
	for _, k := range slices.SortedFunc(maps.Keys(l.keys), func(x, y leftKey) int {
		return cmp.Or(cmp.Compare(x.db, y.db), strings.Compare(x.name, y.name))
	}) {
		if k.db != at {
			if names != nil {
				names.Close()
			}
			names, at = a.Names(k.db, nil), k.db
		}
		has, err := names.Has([]byte(k.name))
		if err != nil {
			return err
		}
		if has {
			delete(l.keys, k)
		}
	}
	return nil
}

// delta takes what a delta of this run left out.
func (l *leftOut) delta(ctx context.Context, c *cut, m *format.Manifest, location string) error {
	for k := range l.keys {
		if _, has := slices.BinarySearchFunc(c.names[k.db], k.name, func(n []byte, s string) int { return strings.Compare(string(n), s) }); has {
			delete(l.keys, k)
		}
	}
	return l.add(ctx, m, location)
}

// add takes the keys that a delta lists.
func (l *leftOut) add(ctx context.Context, m *format.Manifest, location string) error {
	lost, _ := report.Lost(m.Skipped)
	if lost == 0 {
		return nil
	}
	a, err := archive.OpenAny(ctx, location, 1, l.o.Archive.Keys.Identities...)
	if errors.Is(err, encryption.ErrIdentity) { // nobody can read which they are
		l.beyond, l.last = l.beyond+lost, l.o.Archive.SkippedList(location)
		return nil
	}
	if err != nil {
		return err
	}
	defer a.Close()
	list := a.SkippedList()
	return a.Skipped(func(k archive.SkippedKey) error {
		switch {
		case k.Reason == string(reader.DeletedOrExpired):
		case len(l.keys) >= mostLeft:
			l.beyond, l.last = l.beyond+1, list
		default:
			l.keys[leftKey{k.DB, k.Type, string(k.Key)}] = leftWhy{k.Reason, list}
		}
		return nil
	})
}

// summarize says what is left out.
func (l *leftOut) summarize() {
	counts := map[leftWhy]int64{}
	for _, why := range l.keys {
		counts[why]++
	}
	for _, why := range slices.SortedFunc(maps.Keys(counts), func(x, y leftWhy) int {
		return cmp.Or(strings.Compare(x.reason, y.reason), strings.Compare(x.list, y.list))
	}) {
		l.o.Summary.AddLeft(summary.LeftOut{Reason: why.reason, Keys: counts[why], Meaning: report.Reasons[why.reason], Lost: true, List: summary.Place(why.list)})
	}
	if l.beyond > 0 {
		l.o.Summary.Leave("others", l.beyond, "see skipped.jsonl of the deltas", true, l.last)
	}
}

// mostLists is how many lists are named.
const mostLists = 3

// count returns how many keys are left out, and names lists that have them, the newest first.
func (l *leftOut) count() (n int64, names string) {
	lists := map[string]bool{}
	for _, why := range l.keys {
		lists[why.list] = true
	}
	if l.beyond > 0 {
		lists[l.last] = true
	}
	all := slices.Sorted(maps.Keys(lists))
	slices.Reverse(all)
	if more := len(all) - mostLists; more > 0 {
		all = append(all[:mostLists], fmt.Sprintf("and %d more", more))
	}
	return int64(len(l.keys)) + l.beyond, strings.Join(all, ", ")
}

// ending returns a LeftOut error if keys are left out.
func (l *leftOut) ending() error {
	n, lists := l.count()
	if n == 0 {
		return nil
	}
	return &exitcode.LeftOutError{Text: fmt.Sprintf("%s written and in no delta, or without a part or the expiry: see %s", progress.Plural(n, "key was", "keys were"), lists)}
}
