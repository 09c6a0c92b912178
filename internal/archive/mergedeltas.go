package archive

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
)

// maxMerged is how many deltas are merged at once.
const maxMerged = 32

// A deltaSource is a delta that is not open.
type deltaSource struct {
	location, id string
	temporary    bool
}

// A condenser merges deltas into fewer, which are temporary.
type condenser struct {
	ctx        context.Context
	identities []age.Identity
	keys       encryption.Keys // of temporary deltas
	encrypted  bool            // one that was not temporary is
}

// hide lets temporary deltas be encrypted, with a key that nobody else has.
func (c *condenser) hide(encrypted bool) error {
	if !encrypted && len(c.identities) == 0 {
		return nil
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	c.keys = encryption.Keys{Recipients: []age.Recipient{id.Recipient()}, Identities: []age.Identity{id}}
	c.identities = append(slices.Clone(c.identities), id)
	return nil
}

// open opens a delta, which must still be the one that was listed.
func (c *condenser) open(s deltaSource) (*Archive, error) {
	d, err := OpenAny(c.ctx, s.location, 1, c.identities...)
	if err == nil && d.dump.Dump != s.id {
		d.Close()
		return nil, fmt.Errorf("%w: %s was replaced meanwhile: it is dump %s, not %s", ErrChain, s.location, d.dump.Dump, s.id)
	}
	if err == nil && !s.temporary && d.IsEncrypted() {
		c.encrypted = true
	}
	return d, err
}

// round merges maxMerged of the deltas at a time, each into one in dir.
func (c *condenser) round(sources []deltaSource, dir string) (fewer []deltaSource, err error) {
	for group := range slices.Chunk(sources, maxMerged) {
		s := group[0]
		if len(group) > 1 {
			if s, err = c.merge(group, filepath.Join(dir, fmt.Sprintf("%06d", len(fewer)))); err != nil {
				return nil, err
			}
			for _, old := range group {
				if old.temporary {
					_ = os.RemoveAll(old.location)
				}
			}
		}
		fewer = append(fewer, s)
	}
	return fewer, nil
}

// merge writes what the deltas, the oldest first, amount to.
func (c *condenser) merge(sources []deltaSource, to string) (deltaSource, error) {
	var deltas []*Archive
	defer func() {
		for _, d := range deltas {
			d.Close()
		}
	}()
	for _, s := range sources {
		d, err := c.open(s)
		if err != nil {
			return deltaSource{}, err
		}
		deltas = append(deltas, d)
		if err := d.CheckWhole(c.ctx); err != nil {
			return deltaSource{}, err
		}
	}
	first, last := deltas[0].Manifest, deltas[len(deltas)-1].Manifest
	d := *last.Delta
	d.After, d.Number, d.From, d.Made = first.Delta.After, first.Delta.Number, first.Delta.From, format.MadeByScan
	info := format.NewDelta(last.Tool, time.Now(), last.Source, last.Options, d)
	w, err := Create(c.ctx, to, info, Options{Threads: 1, Keys: c.keys})
	if err != nil {
		return deltaSource{}, err
	}
	defer w.Close()
	for _, db := range info.Options.Databases {
		for _, t := range info.Options.Types {
			if err := c.mergeType(w, deltas, db, t); err != nil {
				return deltaSource{}, err
			}
		}
	}
	_, err = w.Finish(nil, false)
	return deltaSource{location: to, id: info.Dump, temporary: true}, err
}

// mergeType writes the records of a database and type, deleted ones as well, and the skipped keys.
func (c *condenser) mergeType(w *Writer, deltas []*Archive, db int, t format.Type) error {
	all := format.ChunkInfo{DB: db, Type: t}
	skipped, err := skippedIn(all, nil, deltas)
	if err != nil {
		return err
	}
	m := newMerged(all, cursorsOf(deltas, db, t))
	defer m.Close()
	m.deleted = true
	s := w.Segment(db, t, nil)
	defer s.Discard()
	if err := s.copy(c.ctx, m, nil, skipped); err != nil {
		return err
	}
	return s.Close(nil)
}
