package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"filippo.io/age"
	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// ErrFinished: the dump is finished, there is nothing to resume.
var ErrFinished = errors.New("the dump is finished already")

// ErrDiffers: the dump that is to be resumed is of something else.
var ErrDiffers = exitcode.New(exitcode.Refused, "cannot resume this dump")

// Resume resumes the unfinished dump at location, whose sealed chunks are its journal: what they
// cover is done, Gaps says what is not. Info is what a new dump
// would get: source and options must be those of the dump. Chunks that are damaged, and
// chunks that end inside a key which no other continues, are removed and their ranges
// read anew; log is told of each. A place in which nothing was done yet is begun.
func Resume(ctx context.Context, location string, info format.Info, o Options, log func(string)) (*Writer, error) {
	dir, err := createStore(ctx, location, o.Storage)
	if err != nil {
		return nil, fmt.Errorf("resume dump: %w", err)
	}
	if dir, err = encryption.Create(dir, o.Keys, true); err != nil {
		return nil, fmt.Errorf("resume dump: %w", err)
	}
	return newWriter(dir, storage.IsURL(location), info, o, dir.Lock, func(w *Writer) error { return w.resume(log) })
}

// Begun returns dump.json of what was begun at a location; nil: nothing was.
func Begun(ctx context.Context, location string, identities ...age.Identity) (info *format.Info, err error) {
	dir, err := openDir(ctx, location, identities)
	if err == nil {
		info, err = ReadInfo(dir)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return info, err
}

func (w *Writer) resume(log func(string)) error {
	old, err := ReadInfo(w.dir)
	if errors.Is(err, fs.ErrNotExist) {
		begun := w.beginEmpty()
		if !errors.Is(begun, ErrExists) {
			return begun
		}
		if old, err = ReadInfo(w.dir); err != nil { // else that of a killed run has come meanwhile
			return begun
		}
	}
	switch {
	case errors.As(err, new(*format.CorruptError)):
		return fmt.Errorf("%w; what the chunks are of cannot be told without it: dump into another directory", err)
	case err != nil:
		return fmt.Errorf("resume dump: %w", err)
	}
	if err := w.takeUp(old, log); err != nil {
		return err
	}
	if err := w.dir.RemoveTemporaries(); err != nil {
		return fmt.Errorf("resume dump: %w", err)
	}
	names, err := w.dir.List()
	if err != nil {
		return fmt.Errorf("resume dump: %w", err)
	}
	ranges, err := w.numberRanges()
	if err != nil {
		return err
	}
	return w.adoptAll(names, ranges, log)
}

// takeUp makes sure that the dump is unfinished, and of the same as this run.
func (w *Writer) takeUp(old *format.Info, log func(string)) error {
	err := sameDump(old, &w.Info)
	if err == nil {
		err = w.unfinished(log)
	}
	w.Info = *old
	return err
}

// adoptAll adopts the files of those names, and what a bucket holds beside them in the ranges.
func (w *Writer) adoptAll(names []string, ranges []numberRange, log func(string)) error {
	if w.uploads != nil {
		unlisted, err := w.unlisted(names, ranges)
		if err != nil {
			return fmt.Errorf("resume dump: %w", err)
		}
		names = append(names, unlisted...)
	}
	for _, name := range names {
		if err := w.adopt(name, log); err != nil {
			return err
		}
	}
	if err := w.dropIncomplete(log); err != nil {
		return err
	}
	if w.Info.Options.LimitKeys > 0 {
		if err := w.dropBehind(log); err != nil {
			return err
		}
	}
	w.resumed = len(w.chunks) > 0
	return nil
}

// unfinished returns ErrFinished if the dump has a manifest and the files that it lists, and a
// CorruptError if one of these is lost. A manifest that is damaged says nothing: it is written
// anew.
func (w *Writer) unfinished(log func(string)) error {
	data, err := storage.ReadFile(w.dir, format.ManifestName, format.MaxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("resume dump: %w", err)
	}
	m, err := format.ParseManifest(data)
	if errors.Is(err, format.ErrVersion) {
		return inDir(w.dir, err)
	}
	if err == nil {
		err = allThere(w.dir, m)
		if err == nil {
			return fmt.Errorf("%w: %s", ErrFinished, w.dir.Path(""))
		}
		// What the source holds now is not what is lost: it is not read into a dump that is
		// finished, and perhaps loaded.
		return fmt.Errorf("resume dump: %w", err)
	}
	log(fmt.Sprintf("%v: %s is removed and written anew", err, format.ManifestName))
	return w.dir.Remove(format.ManifestName)
}

// AllThere returns a CorruptError if a file that the manifest lists is lost, or has another size.
func (a *Archive) AllThere() error { return allThere(a.dir, a.Manifest) }

func allThere(dir storage.Store, m *format.Manifest) error {
	files := slices.Clone(m.Lists)
	for _, c := range m.Chunks {
		files = append(files, c.File)
	}
	var g errgroup.Group
	g.SetLimit(requestsAtOnce)
	for _, file := range files {
		g.Go(func() error {
			f, err := dir.Open(file.Name)
			if errors.Is(err, fs.ErrNotExist) {
				return &format.CorruptError{Name: dir.Path(file.Name), Err: errors.New("this file of the finished dump is not there: restore it from a copy, or dump again into another directory")}
			}
			if err != nil {
				return err
			}
			defer f.Close()
			if f.Size() != file.Size {
				return &format.CorruptError{Name: dir.Path(file.Name), Err: fmt.Errorf("it has %d bytes, not %d as the manifest says: restore it from a copy, or dump again into another directory", f.Size(), file.Size)}
			}
			return nil
		})
	}
	return g.Wait()
}

// adopt checks a file of the dump; what it covers is done.
func (w *Writer) adopt(name string, log func(string)) error {
	db, typ, number, err := format.ParseChunkName(name)
	if err != nil {
		if name == format.ConflictsName || name == format.SkippedName { // written anew at the end
			return w.drop(name)
		}
		return nil
	}
	info, err := readSealed(w.dir, w.codec, &w.Info, name)
	if err == nil && (info.DB != db || info.Type != typ || info.Name != name) {
		err = &format.CorruptError{Name: name, Err: errors.New("it is the chunk of another name")}
	}
	id := segmentID{db, typ}
	if numberRangeOf(number) == w.numbers.own {
		w.numbers.last[id] = max(w.numbers.last[id], number)
	}
	if errors.As(err, new(*format.CorruptError)) && !errors.Is(err, format.ErrVersion) {
		log(fmt.Sprintf("%v: left out, its keys are read anew", err))
		return w.drop(name)
	}
	if err != nil {
		return fmt.Errorf("resume dump: %w", err)
	}
	w.chunks = append(w.chunks, info)
	return nil
}

// readSealed reads a chunk of an earlier run: from end to end, or only its header and footer where
// the store vouches for the rest with the hash that it keeps.
func readSealed(dir storage.Store, codec *format.Codec, dump *format.Info, name string) (format.ChunkInfo, error) {
	f, err := dir.Open(name)
	if err != nil {
		return format.ChunkInfo{}, err
	}
	defer f.Close()
	c, err := format.OpenChunk(f, f.Size(), codec, name)
	if err != nil {
		return format.ChunkInfo{}, err
	}
	sum := f.SHA256()
	if sum == nil {
		if sum, err = c.SHA256(); err != nil {
			return format.ChunkInfo{}, err
		}
	}
	if c.Header.Dump != dump.Dump {
		return format.ChunkInfo{}, fmt.Errorf("%w: %s belongs to dump %s, not to %s; move it away, or dump into another directory",
			ErrDiffers, name, c.Header.Dump, dump.Dump)
	}
	if err := checkVersion(c.Header, dump); err != nil {
		return format.ChunkInfo{}, &format.CorruptError{Name: name, Err: err}
	}
	return format.NewChunkInfo(c.Header, c.Footer, f.Size(), sum), nil
}
