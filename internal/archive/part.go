package archive

import (
	"context"
	"fmt"

	"filippo.io/age"
)

// OpenPart opens what has come of a full dump that was begun and is not finished: the chunks that a
// Feed hands out; without chunks only what dump.json says.
func OpenPart(ctx context.Context, location string, threads int, chunks bool, identities ...age.Identity) (*Archive, error) {
	dir, err := openDir(ctx, location, identities)
	if err != nil {
		return nil, err
	}
	var names listed
	if chunks {
		if names, err = dir.List(); err != nil {
			return nil, fmt.Errorf("open dump: %w", err)
		}
	}
	f, err := NewFeed(dir, threads, names)
	if err != nil {
		return nil, err
	}
	f.Begin(allChunks)
	if err := f.arrive(ctx, true); err != nil {
		f.Close()
		return nil, err
	}
	for _, u := range f.Ready() {
		f.a.Manifest.Chunks = append(f.a.Manifest.Chunks, u...)
	}
	f.a.Manifest.SumUp()
	return f.a, nil
}

// listed are files that have come, all at once.
type listed []string

func (l listed) Next(context.Context) ([]string, error) { return l, nil }
