package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// Check reads the whole dump: every checksum, count and range. It calls failed for each file that
// is not what the manifest says, and done after each chunk, and returns how many files failed. Last
// it calls failed for chunks that came late, which are no failures.
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
	listed := a.names()
	var late []string
	for _, n := range names {
		if listed[n] || !format.IsFileName(n) { // files of other names are no part of a dump (FORMAT.md §6)
			continue
		}
		if err := a.checkLate(n); err != nil {
			fail(fmt.Errorf("%s is not in the manifest: %w", n, err))
		} else {
			late = append(late, n)
		}
	}
	for _, n := range late {
		failed(fmt.Errorf("no part of the dump, and ignored: %s, which a run that was killed had sent; it can be removed", a.dir.Path(n)))
	}
	return bad, lost
}

// checkLate returns nil for a whole chunk, which a bucket may show when the run that had sent it
// was killed and another has finished the dump.
func (a *Archive) checkLate(name string) error {
	if _, _, _, err := format.ParseChunkName(name); err != nil {
		return err
	}
	f, err := a.dir.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	c, err := format.OpenChunk(f, f.Size(), a.codec, name)
	if err == nil && format.ChunkName(c.Header.DB, c.Header.Type, c.Header.Number) != name {
		err = errors.New("it is the chunk of another name")
	}
	return err
}

func (a *Archive) checkChunk(c format.ChunkInfo) error {
	src, err := a.OpenChunk(c)
	if err != nil {
		return err
	}
	defer src.Close()
	for err == nil {
		_, err = src.Next()
	}
	if err == io.EOF {
		return nil
	}
	return err
}

// CheckInfo refuses a dump.json that is not of the dump that the manifest is of.
func (a *Archive) CheckInfo() error { return CheckInfo(a.dir, a.Manifest) }

// CheckInfo is that of an Archive in a store with a manifest that may not be there yet.
func CheckInfo(dir storage.Store, m *format.Manifest) error {
	info, err := ReadInfo(dir)
	if err == nil && info.Dump != m.Dump {
		err = inDir(dir, &format.CorruptError{Name: format.InfoName, Err: fmt.Errorf("it belongs to dump %s, and manifest.json to dump %s", info.Dump, m.Dump)})
	}
	return err
}

// checkLists checks dump.json and the lists.
func (a *Archive) checkLists(fail func(error)) {
	if err := a.CheckInfo(); err != nil {
		fail(err)
	}
	conflicts, skipped, want := int64(0), int64(0), int64(0)
	for _, r := range a.Manifest.Skipped {
		want += r.Keys
	}
	compare := func(name string, lines *int64, want int64, err error) {
		if err == nil && *lines != want {
			err = fmt.Errorf("%s has %s, not %s", name, progress.Plural(*lines, "line", "lines"), progress.Count(want))
		}
		if err != nil {
			fail(err)
		}
	}
	compare(format.ConflictsName, &conflicts, a.Manifest.Conflicts, a.Conflicts(func(ConflictKey) error { conflicts++; return nil }))
	compare(format.SkippedName, &skipped, want, a.Skipped(func(SkippedKey) error { skipped++; return nil }))
}

// names returns which files the dump has.
func (a *Archive) names() map[string]bool {
	names := map[string]bool{format.InfoName: true, format.ManifestName: true}
	for _, f := range a.Manifest.Lists {
		names[f.Name] = true
	}
	for _, c := range a.Manifest.Chunks {
		names[c.Name] = true
	}
	return names
}

// CheckWhole is Check that returns the first that is wrong.
func (a *Archive) CheckWhole(ctx context.Context) (first error) {
	bad, err := a.Check(ctx, func(format.ChunkInfo) {}, func(err error) { first = cmp.Or(first, err) })
	if bad == 0 { // what came late is not counted
		first = nil
	}
	return cmp.Or(err, first)
}
