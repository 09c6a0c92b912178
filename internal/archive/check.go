package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// Check reads the whole dump: every checksum, count and range. It calls failed for each file that
// is not what the manifest says, and done after each chunk, and returns how many files failed.
func (a *Archive) Check(ctx context.Context, done func(format.ChunkInfo), failed func(error)) (int, error) {
	if a.above != nil {
		return 0, errors.New("check dump: a base and the deltas above it are checked one by one")
	}
	bad := 0
	var lost error // what says nothing about the dump
	fail := func(err error) {
		if errors.Is(err, storage.ErrUnavailable) || errors.Is(err, storage.ErrDenied) || ctx.Err() != nil {
			lost = err
			return
		}
		bad++
		failed(err)
	}
	for _, c := range a.Manifest.Chunks {
		if ctx.Err() != nil {
			return bad, context.Cause(ctx)
		}
		if err := a.checkChunk(c); err != nil {
			fail(err)
		}
		if lost != nil {
			return bad, lost
		}
		done(c)
	}
	a.checkLists(fail)
	if lost != nil {
		return bad, lost
	}
	names, err := a.dir.List()
	if err != nil {
		return bad, fmt.Errorf("check dump: %w", err)
	}
	for _, n := range names {
		if format.IsFileName(n) && !a.listed(n) { // files of other names are no part of a dump (FORMAT.md §6)
			fail(fmt.Errorf("%s is not in the manifest", n))
		}
	}
	return bad, nil
}

func (a *Archive) checkChunk(c format.ChunkInfo) error {
	src, err := a.OpenChunk(c)
	if err != nil {
		return err
	}
	defer src.Close()
	for {
		if _, err := src.Next(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// CheckInfo refuses a dump.json that is not of the dump that the manifest is of.
func (a *Archive) CheckInfo() error {
	info, err := ReadInfo(a.dir)
	if err == nil && info.Dump != a.Manifest.Dump {
		err = inDir(a.dir, &format.CorruptError{Name: format.InfoName, Err: fmt.Errorf("it belongs to dump %s, and manifest.json to dump %s", info.Dump, a.Manifest.Dump)})
	}
	return err
}

// checkLists checks dump.json and the lists.
func (a *Archive) checkLists(fail func(error)) {
	if err := a.CheckInfo(); err != nil {
		fail(err)
	}
	conflicts, skipped := int64(0), int64(0)
	if err := a.Conflicts(func(ConflictKey) error { conflicts++; return nil }); err != nil {
		fail(err)
	} else if conflicts != a.Manifest.Conflicts {
		fail(fmt.Errorf("%s has %s, not %s", format.ConflictsName, progress.Plural(conflicts, "line", "lines"), progress.Count(a.Manifest.Conflicts)))
	}
	want := int64(0)
	for _, r := range a.Manifest.Skipped {
		want += r.Keys
	}
	if err := a.Skipped(func(SkippedKey) error { skipped++; return nil }); err != nil {
		fail(err)
	} else if skipped != want {
		fail(fmt.Errorf("%s has %s, not %s", format.SkippedName, progress.Plural(skipped, "line", "lines"), progress.Count(want)))
	}
}

func (a *Archive) listed(name string) bool {
	if name == format.InfoName || name == format.ManifestName {
		return true
	}
	return slices.ContainsFunc(a.Manifest.Lists, func(f format.File) bool { return f.Name == name }) ||
		slices.ContainsFunc(a.Manifest.Chunks, func(c format.ChunkInfo) bool { return c.Name == name })
}
