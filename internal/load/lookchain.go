package load

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// A BaseLook looks whether a target still holds what lies below the deltas of a chain.
type BaseLook struct {
	Spec                     // of the load of the base
	State  *loadstate.Status // of that
	Last   string            // the last delta that is loaded
	Chain  func(ctx context.Context) (*archive.Archive, error)
	Listed []func() (io.ReadCloser, error) // each opens what a delta has left out
}

// Run looks for a sample of the keys of the base. What deltas have deleted, by Chain, is not
// missed. It returns a DifferentError if the target lacks any.
func (b BaseLook) Run(ctx context.Context, log io.Writer) error {
	a, rules, err := b.Open(ctx)
	if err != nil {
		return err
	}
	defer a.Close()
	l, err := writer.Open(ctx, b.Target)
	if err != nil {
		return MayWantTLS(err)
	}
	Begin(rules, *b.State.Identity(), a.Manifest)
	units, sampled := b.Units(a), 0
	var gone []LoadedKey
	var there *Presence
	for _, s := range b.State.Shards {
		there = b.Presence(l, s.Journal, rules, b.Retry(log))
		keys, err := there.sample(a, loadstate.AssignUnits(s.Shard, units), max(1, lookedChunks/len(b.State.Shards)), false)
		if err != nil {
			return err
		}
		lacks, err := there.lacking(ctx, keys, nil)
		if err != nil {
			return err
		}
		sampled, gone = sampled+len(keys), append(gone, lacks...)
	}
	if len(gone) == 0 {
		return nil
	}
	m, err := b.Chain(ctx)
	if err != nil {
		return err
	}
	defer m.Close()
	if rules, err = b.OpenWith(ctx, m); err != nil {
		return err
	}
	Begin(rules, *b.State.Identity(), m.Manifest)
	there = b.Presence(l, there.Journal, rules, there.Retry)
	if gone, err = b.after(m, there, gone); err != nil {
		return err
	}
	gone, err = there.lacking(ctx, gone, nil)
	for _, list := range b.Listed {
		if err == nil && len(gone) > 0 {
			gone, err = notListed(gone, list)
		}
	}
	if err != nil {
		return err
	}
	b.Base, b.Dump, b.Number = b.Dump, b.Last, 1
	return b.Unsure(there.lacks(len(gone), sampled))
}

// after returns as what keys of the base are on the target once the deltas are loaded.
func (b *BaseLook) after(m *archive.Archive, p *Presence, keys []LoadedKey) (now []LoadedKey, err error) {
	slices.SortFunc(keys, func(x, y LoadedKey) int {
		return cmp.Or(cmp.Compare(x.db, y.db), bytes.Compare(x.source, y.source))
	})
	types := slices.DeleteFunc(slices.Clone(format.Types), func(t format.Type) bool { return !b.Filter.Type(t) })
	for _, db := range b.DBs() {
		f := m.Finder(db, types...)
		defer f.Close()
		for _, k := range keys {
			if k.db != db {
				continue
			}
			err := f.Find(k.source, func(r *format.Record) error {
				if r.Kind != format.Deleted {
					now = p.add(now, db, r)
				}
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return now, nil
}
