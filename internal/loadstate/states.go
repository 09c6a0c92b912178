package loadstate

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// States returns where there may be states of loads of a dump that were not told where to keep
// them. Of a dump in a bucket, that is the working directory, and for loads in shards the bucket.
func States(ctx context.Context, dump, id string) ([]string, error) {
	l := Location{Dump: dump, ID: id}
	all, err := Below(ctx, l.beside())
	if err != nil || !storage.HasPrefix(dump) {
		return all, err
	}
	shards, err := Below(ctx, l.inBucket())
	return append(all, shards...), err
}

// Below returns the directories in a directory, or a prefix of a bucket, if that is there.
func Below(ctx context.Context, location string) (all []string, err error) {
	store, err := storage.Open(ctx, location)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names, err := store.List()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if dir, _, below := strings.Cut(name, "/"); below {
			all = append(all, storage.Join(location, dir))
		}
	}
	return slices.Compact(all), nil
}
