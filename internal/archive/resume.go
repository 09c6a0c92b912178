package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// ErrFinished: the dump is finished, there is nothing to go on with.
var ErrFinished = errors.New("the dump is finished already")

// ErrDiffers: the dump that is to be gone on with is of something else.
var ErrDiffers = exitcode.New(exitcode.Refused, "cannot resume this dump")

// Resume goes on with the unfinished dump at location, which the sealed chunks
// are the journal of: what they cover is done, Gaps says what is not. Info is what a new dump
// would get: source and options must be those of the dump. Chunks that are damaged, and
// chunks that end inside a key which no other goes on with, are removed and their ranges
// read anew; log is told of each. A place in which nothing was done yet is begun.
func Resume(ctx context.Context, location string, info format.Info, o Options, log func(string)) (*Writer, error) {
	dir, err := storage.Create(ctx, location, o.Storage)
	if err != nil {
		return nil, fmt.Errorf("resume dump: %w", err)
	}
	if dir, err = encryption.Create(dir, o.Keys, true); err != nil {
		return nil, fmt.Errorf("resume dump: %w", err)
	}
	w, err := newWriter(dir, storage.IsURL(location), info, o, dir.Lock)
	if err != nil {
		return nil, err
	}
	if err := w.resume(log); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

func (w *Writer) resume(log func(string)) error {
	data, err := storage.ReadFile(w.dir, format.InfoName, format.MaxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return w.beginEmpty()
	}
	if err != nil {
		return fmt.Errorf("resume dump: %w", err)
	}
	old, err := format.ParseInfo(data)
	if err != nil {
		return fmt.Errorf("%w; what the chunks are of cannot be told without it: dump into another directory", inDir(w.dir, err))
	}
	if err := sameDump(old, &w.Info); err != nil {
		return err
	}
	if err := w.unfinished(log); err != nil {
		return err
	}
	if err := w.dir.RemoveTemporaries(); err != nil {
		return fmt.Errorf("resume dump: %w", err)
	}
	w.Info = *old
	names, err := w.dir.List()
	if err != nil {
		return fmt.Errorf("resume dump: %w", err)
	}
	spaces, err := w.spaces()
	if err != nil {
		return err
	}
	return w.takeUpAll(names, spaces, log)
}

// takeUpAll takes up the files of those names, and what a bucket holds beside them in the spaces.
func (w *Writer) takeUpAll(names []string, spaces []space, log func(string)) error {
	if w.uploads != nil {
		unlisted, err := w.unlisted(names, spaces)
		if err != nil {
			return fmt.Errorf("resume dump: %w", err)
		}
		names = append(names, unlisted...)
	}
	for _, name := range names {
		if err := w.takeUp(name, log); err != nil {
			return err
		}
	}
	if err := w.dropOpen(log); err != nil {
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

// unlistedAhead is how many numbers behind the last known chunk are asked for: more than a run has
// chunks of one type on their way at once by default.
const unlistedAhead = 16

// unlistedAtOnce is how many questions for such chunks are in flight.
const unlistedAtOnce = 16

// unlisted returns the names of chunks that a bucket holds but does not list yet, which some stores do for a
// while. It asks for the numbers that are missing.
func (w *Writer) unlisted(names []string, spaces []space) (found []string, err error) {
	type counter struct {
		segmentID
		space
	}
	last := map[counter]int{}
	for _, name := range names {
		if db, t, n, err := format.ParseChunkName(name); err == nil {
			c := counter{segmentID{db, t}, spaceOf(n)}
			last[c] = max(last[c], n)
		}
	}
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(unlistedAtOnce)
	for _, db := range w.Info.Options.Databases {
		for _, t := range w.Info.Options.Types {
			for _, s := range spaces {
				g.Go(func() error {
					end := max(last[counter{segmentID{db, t}, s}], s.base())
					for n := s.base() + 1; n <= end+unlistedAhead; n++ {
						name := format.ChunkName(db, t, n)
						if _, listed := slices.BinarySearch(names, name); listed {
							continue
						}
						f, err := w.dir.Open(name)
						if errors.Is(err, fs.ErrNotExist) {
							continue
						}
						if err != nil {
							return err
						}
						f.Close()
						end = max(end, n)
						mu.Lock()
						found = append(found, name)
						mu.Unlock()
					}
					return nil
				})
			}
		}
	}
	return found, g.Wait()
}

// unfinished returns ErrFinished if the dump has a manifest and the files that it lists. A manifest that
// is damaged, or lists a file that is lost, is removed: it is written anew when what is lost is read anew.
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
		err = w.allThere(m)
		if err == nil {
			return fmt.Errorf("%w: %s", ErrFinished, w.dir.Path(""))
		}
		if !errors.As(err, new(*format.CorruptError)) {
			return fmt.Errorf("resume dump: %w", err)
		}
		if w.space != 0 {
			return fmt.Errorf("%w: the dump was finished; pikadump dump --resume without --plan and --shard reads again what is lost", err)
		}
	}
	log(fmt.Sprintf("%v: %s is removed and written anew", err, format.ManifestName))
	return w.dir.Remove(format.ManifestName)
}

// allThere returns a CorruptError if a file that the manifest lists is lost, or has another size.
func (w *Writer) allThere(m *format.Manifest) error {
	files := slices.Clone(m.Lists)
	for _, c := range m.Chunks {
		files = append(files, c.File)
	}
	var g errgroup.Group
	g.SetLimit(unlistedAtOnce)
	for _, file := range files {
		g.Go(func() error {
			f, err := w.dir.Open(file.Name)
			if errors.Is(err, fs.ErrNotExist) {
				return &format.CorruptError{Name: w.dir.Path(file.Name), Err: errors.New("this file of the finished dump is not there")}
			}
			if err != nil {
				return err
			}
			defer f.Close()
			if f.Size() != file.Size {
				return &format.CorruptError{Name: w.dir.Path(file.Name), Err: fmt.Errorf("it has %d bytes, not %d as the manifest says", f.Size(), file.Size)}
			}
			return nil
		})
	}
	return g.Wait()
}

// sameDump refuses a run whose source or options are not those of the dump, and says which.
func sameDump(old, now *format.Info) error {
	text := func(v any) string {
		if s, ok := v.(string); ok {
			return strconv.Quote(s)
		}
		return fmt.Sprint(v)
	}
	if old.Options.Scan != format.ScanRange {
		return fmt.Errorf("%w: its source was scanned by cursor, which only works in one go; dump into another directory", ErrDiffers)
	}
	for _, f := range []struct {
		what string
		a, b any
	}{
		{"source address", old.Source.Address, now.Source.Address},
		{"source version", old.Source.Version, now.Source.Version},
		{"number of databases", old.Source.Databases, now.Source.Databases},
		{"choice of databases", old.Options.Databases, now.Options.Databases},
		{"choice of types", old.Options.Types, now.Options.Types},
		{"--match", old.Options.Match, now.Options.Match},
		{"--sample", old.Options.Sample, now.Options.Sample},
		{"--limit-keys", old.Options.LimitKeys, now.Options.LimitKeys},
		{"way of scanning", old.Options.Scan, now.Options.Scan},
	} {
		if !reflect.DeepEqual(f.a, f.b) {
			return fmt.Errorf("%w: its %s is %s, now it is %s; use the same, or dump into another directory", ErrDiffers, f.what, text(f.a), text(f.b))
		}
	}
	if err := old.Source.Contradicts(&now.Source); err != nil {
		return fmt.Errorf("%w: its source is not what answers at %s now, or its data were replaced: %w; let the address lead to the same Pika, or dump into another directory", ErrDiffers, now.Source.Address, err)
	}
	return nil
}

// takeUp checks a file of the dump and takes up what it covers.
func (w *Writer) takeUp(name string, log func(string)) error {
	db, typ, number, err := format.ParseChunkName(name)
	if err != nil {
		if name == format.ConflictsName || name == format.SkippedName { // written anew at the end
			return w.dir.Remove(name)
		}
		return nil
	}
	info, err := readSealed(w.dir, w.codec, w.Info.Dump, name)
	if err == nil && (info.DB != db || info.Type != typ || info.Name != name) {
		err = &format.CorruptError{Name: name, Err: errors.New("it is the chunk of another name")}
	}
	id := segmentID{db, typ}
	if spaceOf(number) == w.space {
		w.numbers[id] = max(w.numbers[id], number)
	}
	if errors.As(err, new(*format.CorruptError)) && !errors.Is(err, format.ErrVersion) {
		log(fmt.Sprintf("%v: removed, its keys are read anew", err))
		return w.dir.Remove(name)
	}
	if err != nil {
		return fmt.Errorf("resume dump: %w", err)
	}
	w.chunks = append(w.chunks, info)
	w.stored += info.Size
	return nil
}

// readSealed reads a chunk of an earlier run: from end to end, or only its header and footer where the
// store vouches for the rest with the hash that it keeps.
func readSealed(dir storage.Store, codec *format.Codec, dump, name string) (format.ChunkInfo, error) {
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
	if c.Header.Dump != dump {
		return format.ChunkInfo{}, fmt.Errorf("%w: %s belongs to dump %s, not to %s; move it away, or dump into another directory",
			ErrDiffers, name, c.Header.Dump, dump)
	}
	return format.NewChunkInfo(c.Header, c.Footer, f.Size(), sum), nil
}

// dropOpen removes chunks that end inside a key which no other goes on with, back to the one
// where the key begins, and chunks that go on with a key of which a part before is missing.
func (w *Writer) dropOpen(log func(string)) error {
	format.SortChunks(w.chunks)
	there := map[string]bool{}
	for _, c := range w.chunks {
		there[c.Name] = true
	}
	var kept []format.ChunkInfo
	for i := 0; i < len(w.chunks); {
		n := 1
		for i+n < len(w.chunks) && goesOn(&w.chunks[i+n-1], &w.chunks[i+n]) {
			n++
		}
		chain := w.chunks[i : i+n]
		if chain[0].Continues || chain[n-1].Open || mayLack(chain, there) {
			for _, c := range chain {
				log(fmt.Sprintf("%s holds part of a key that is not whole: removed, its keys are read anew", c.Name))
				if err := w.dir.Remove(c.Name); err != nil {
					return fmt.Errorf("resume dump: %w", err)
				}
				w.stored -= c.Size
			}
		} else {
			kept = append(kept, chain...)
		}
		i += n
	}
	w.chunks = kept
	return nil
}

// dropBehind removes chunks behind what is missing: of a dump of the first keys only, whether theirs are wanted is known when
// those before have been read.
func (w *Writer) dropBehind(log func(string)) error {
	var kept []format.ChunkInfo
	var id segmentID
	var from []byte
	hole := false
	for _, c := range w.chunks {
		if now := (segmentID{c.DB, c.Type}); now != id {
			id, from, hole = now, nil, false
		}
		if hole = hole || !bytes.Equal(c.Start, from); !hole {
			kept, from = append(kept, c), c.End
			continue
		}
		log(fmt.Sprintf("%s is behind what is missing of the first %s: removed, its keys are read anew", c.Name, progress.Plural(w.Info.Options.LimitKeys, "key", "keys")))
		if err := w.dir.Remove(c.Name); err != nil {
			return fmt.Errorf("resume dump: %w", err)
		}
		w.stored -= c.Size
	}
	w.chunks = kept
	return nil
}

// mayLack reports whether a chunk between those of one key may be missing, which their ranges
// do not show: each begins and ends at the key. Numbers do: a run draws one after the other.
func mayLack(chain []format.ChunkInfo, there map[string]bool) bool {
	for i := 1; i < len(chain); i++ {
		_, _, last, _ := format.ParseChunkName(chain[i-1].Name)
		db, t, number, _ := format.ParseChunkName(chain[i].Name)
		for n := last + 1; n < number; n++ {
			if !there[format.ChunkName(db, t, n)] {
				return true
			}
		}
		if number <= last {
			return true
		}
	}
	return false
}

func goesOn(a, b *format.ChunkInfo) bool {
	return a.Open && b.Continues && a.DB == b.DB && a.Type == b.Type && bytes.Equal(a.End, b.Start)
}

// A Range is a range of keys: from Start, nil for the first, to before End, nil for the last.
type Range struct{ Start, End []byte }

// Gaps returns the ranges of a database and type that no chunk covers: all of it for a new
// dump.
func (w *Writer) Gaps(db int, t format.Type) ([]Range, error) {
	var gaps []Range
	var from []byte // first key that is not covered
	all := true     // from is the first key of all
	for _, c := range w.chunks {
		if c.DB != db || c.Type != t {
			continue
		}
		switch n := bytes.Compare(c.Start, from); {
		case from == nil && !all, n < 0:
			return nil, fmt.Errorf("%w: %s and another chunk have keys in common; move one of them away, or dump into another directory", ErrDiffers, c.Name)
		case n > 0:
			gaps = append(gaps, Range{from, c.Start})
		}
		from, all = c.End, false
	}
	if from != nil || all {
		gaps = append(gaps, Range{from, nil})
	}
	return gaps, nil
}

// Keys returns how many keys of a database and type the chunks hold.
func (w *Writer) Keys(db int, t format.Type) (n int64) {
	for _, c := range w.chunks {
		if c.DB == db && c.Type == t {
			n += c.Keys
		}
	}
	return n
}

// Resumed reports whether earlier runs have done something.
func (w *Writer) Resumed() bool { return w.resumed }

// Holds says what there is of the dump, or of the share.
func (w *Writer) Holds() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	keys := int64(0)
	for _, c := range w.chunks {
		keys += c.Keys
	}
	return progress.Plural(len(w.chunks), "chunk", "chunks") + " with " + progress.Plural(keys, "key", "keys")
}
