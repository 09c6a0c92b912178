package archive

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/tempfile"
)

// maxAbove is how many deltas are read beside a chunk of their base, each through a frame of its
// own. More are merged into temporary ones first.
const maxAbove = 8

// OpenChain opens what a base and deltas that follow it amount to, as Chain has listed them: of an
// unfinished member nothing is read. Members and identities are as those of Chain, the others as
// those of Open.
//
// Units are those of the base, and all that reads an Archive gives merged records in key order: the
// newest delta counts, and what is deleted is not there. A unit that is being read holds a frame of
// its chunk and one of each of at most 8 deltas: more of them are first merged into temporary
// files, encrypted if any of the chain is. They are removed by Close.
//
// The Manifest is that of the base. Counts of keys and bytes are the base's, too, and but an
// estimate: nobody knows without reading everything what the deltas change.
func OpenChain(ctx context.Context, base string, members []Member, threads int, identities ...age.Identity) (*Archive, error) {
	a, err := Open(ctx, base, threads, identities...)
	if err != nil {
		return nil, err
	}
	if err := a.putAbove(ctx, members, identities); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

func (a *Archive) putAbove(ctx context.Context, members []Member, identities []age.Identity) error {
	members = slices.DeleteFunc(slices.Clone(members), func(m Member) bool { return !m.Finished })
	before := &a.Manifest.Info
	for i := range members {
		if err := members[i].Info.Follows(before); err != nil {
			return fmt.Errorf("%w: %s above %s: %w", NotBehind(&members[i].Info, before), members[i].Location, a.Path(), err)
		}
		before = &members[i].Info
	}
	if len(members) == 0 {
		return nil
	}
	a.above = &above{members: members, chunks: map[string]format.ChunkInfo{}}
	for _, c := range a.Manifest.Chunks {
		a.above.chunks[c.Name] = c
	}
	if err := a.above.open(ctx, a, identities); err != nil {
		return err
	}
	m := *a.Manifest
	m.Chunks = slices.Clone(m.Chunks)
	for i := range m.Chunks {
		if c := &m.Chunks[i]; a.above.names(c.DB) {
			c.Records++ // it may not be passed over as empty
		}
	}
	a.Manifest = &m
	return nil
}

// names reports whether a delta names a key of a database.
func (ab *above) names(db int) bool {
	return slices.ContainsFunc(ab.deltas, func(d *Archive) bool {
		return slices.ContainsFunc(d.Manifest.Chunks, func(c format.ChunkInfo) bool { return c.DB == db && c.Records+c.Skipped > 0 })
	})
}

// open opens the deltas, and merges them if there are too many.
func (ab *above) open(ctx context.Context, base *Archive, identities []age.Identity) error {
	c := &condenser{ctx: ctx, identities: identities}
	var sources []deltaSource
	var temp string
	encrypted := base.IsEncrypted()
	for _, m := range ab.members {
		sources = append(sources, deltaSource{location: m.Location, id: m.Info.Dump})
	}
	for round := 0; len(sources) > maxAbove; round++ {
		var err error
		if ab.remove == nil {
			if temp, ab.remove, err = tempfile.Dir("", "kvload-deltas-"); err != nil {
				return fmt.Errorf("merge deltas: %w", err)
			}
			if err := c.hide(encrypted); err != nil {
				return err
			}
		}
		if sources, err = c.round(sources, filepath.Join(temp, strconv.Itoa(round))); err != nil {
			return fmt.Errorf("merge deltas: %w", err)
		}
	}
	for _, s := range sources {
		d, err := c.open(s)
		if err != nil {
			return err
		}
		ab.deltas = append(ab.deltas, d)
	}
	ab.encrypted = c.encrypted
	return nil
}

// CheckDeltas reads the deltas, not the base, with all checks of Check, to the first error: who
// reads records looks only at frames that may hold them.
func (a *Archive) CheckDeltas(ctx context.Context) error {
	if a.above == nil {
		return nil
	}
	for _, d := range a.above.deltas {
		if err := d.CheckWhole(ctx); err != nil {
			return err
		}
	}
	return nil
}
