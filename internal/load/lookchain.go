package load

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
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
	_, gone, err = there.lackingIn(ctx, m, gone)
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

// notDeleted returns which of keys that are gone, of so many sampled ones, deltas behind the load
// have not deleted, and whether the target holds some under the names that they have by now. Where
// the deltas are not kept that is not known: if most are gone, something else must have happened.
func (p *Presence) notDeleted(ctx context.Context, behind []*loadstate.LaterError, gone []LoadedKey, sampled int, log io.Writer) (still []LoadedKey, found bool, err error) {
	if len(behind) == 0 || len(gone) == 0 {
		return gone, false, nil
	}
	still, found, err = p.byChain(ctx, behind, gone)
	if !errors.Is(err, archive.ErrIncomplete) && !errors.Is(err, fs.ErrNotExist) {
		return still, found, err
	}
	p.warn(log, fmt.Sprintf("the target %s lacks %s of %s, and whether deltas behind have deleted them is not known: %v", p.Target.Addr, progress.Count(int64(len(gone))), progress.Plural(sampled, "sampled key", "sampled keys"), err))
	if 2*len(gone) <= sampled {
		gone = nil
	}
	return gone, false, nil
}

// byChain is notDeleted by the deltas, and by what their loads have left out.
func (p *Presence) byChain(ctx context.Context, behind []*loadstate.LaterError, gone []LoadedKey) (still []LoadedKey, found bool, err error) {
	m, err := p.spec.openBehind(ctx, p.Journal.Bound(), behind)
	if err != nil {
		return nil, false, err
	}
	defer m.Close()
	now, still, err := p.lackingIn(ctx, m, gone)
	found = len(now) > len(still)
	for _, d := range behind {
		if err == nil && len(still) > 0 {
			still, err = notListed(still, d.LeftOut)
		}
	}
	return still, found, err
}

// lackingIn returns as what keys of a load are on the target by a chain of which it is, and which
// of them are not there.
func (p *Presence) lackingIn(ctx context.Context, chain *archive.Archive, keys []LoadedKey) (now, gone []LoadedKey, err error) {
	s := *p.spec
	s.Rewrite.Loaded = true
	rules, err := s.Rules(ctx, chain)
	if err != nil {
		return nil, nil, err
	}
	Begin(rules, p.Journal.Bound(), chain.Manifest)
	there := s.Presence(p.Target, p.Journal, rules, p.Retry)
	if now, err = s.after(chain, there, keys); err == nil {
		gone, err = there.lacking(ctx, slices.Clone(now), nil)
	}
	return now, gone, err
}

// after returns as what keys of the base are on the target once the deltas are loaded.
func (s *Spec) after(m *archive.Archive, p *Presence, keys []LoadedKey) (now []LoadedKey, err error) {
	slices.SortFunc(keys, func(x, y LoadedKey) int {
		return cmp.Or(cmp.Compare(x.db, y.db), bytes.Compare(x.source, y.source))
	})
	types := slices.DeleteFunc(slices.Clone(format.Types), func(t format.Type) bool { return !s.Filter.Type(t) })
	for _, db := range s.DBs() {
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
