package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// Arrivals tell which files of a dump that is not finished yet have come.
type Arrivals interface {
	// Next waits for more files and returns their names, as they are in a dump that is not
	// encrypted. Each can be read, and is named once. It returns io.EOF when the manifest is there.
	Next(ctx context.Context) ([]string, error)
}

// A Feed hands out the units of a dump as soon as they can be loaded: those of a finished dump all,
// the largest first, those of a dump that is still being made or sent as they come. When all have
// come, what was handed out is compared with the manifest. Next is for one goroutine, Done for
// many.
type Feed struct {
	a        *Archive
	arrivals Arrivals // nil: all have come
	keep     func(format.ChunkInfo) bool

	came   map[string]format.ChunkInfo
	chains []format.ChunkInfo // of which no unit was made: they hold parts of keys that are not whole
	ready  []Unit
	given  map[string]Unit // by the name of the first chunk
}

// Feed returns the feed of a finished dump.
func (a *Archive) Feed() *Feed { return &Feed{a: a} }

// NewFeed returns the feed of a dump in a store, in which dump.json is already.
func NewFeed(dir storage.Store, threads int, arrivals Arrivals) (*Feed, error) {
	info, err := ReadInfo(dir)
	if err != nil {
		return nil, fmt.Errorf("open dump: %w", err)
	}
	if err := mustBeFull(info, dir.Path("")); err != nil {
		return nil, err
	}
	codec, err := format.NewCodec(0, threads)
	if err != nil {
		return nil, err
	}
	a := &Archive{Manifest: &format.Manifest{Info: *info}, dump: info, dir: dir, codec: codec}
	return &Feed{a: a, arrivals: arrivals, came: map[string]format.ChunkInfo{}, given: map[string]Unit{}}, nil
}

// Archive returns the dump. Until all have come, its manifest holds only what dump.json says.
func (f *Feed) Archive() *Archive { return f.a }

// Finished reports whether all have come.
func (f *Feed) Finished() bool { return f.arrivals == nil }

// Early reports whether units can be loaded before all have come: whether a name exists under
// several types is known only then.
func (f *Feed) Early() bool { return !MayConflict(&f.a.Manifest.Info) }

// Begin chooses the chunks that are handed out as they come. It comes before Next.
func (f *Feed) Begin(keep func(format.ChunkInfo) bool) { f.keep = keep }

// Choose sets the units of a finished dump that are handed out, the largest first.
func (f *Feed) Choose(units []Unit) { f.ready = LargestFirst(units) }

// Wait waits until all have come. Choose says which are handed out then.
func (f *Feed) Wait(ctx context.Context) error {
	f.keep = allChunks
	for !f.Finished() {
		if err := f.arrive(ctx, false); err != nil {
			return err
		}
	}
	f.ready, f.given = nil, nil
	return nil
}

// Ready returns the units that are at hand: all, if all have come and none was handed out.
func (f *Feed) Ready() []Unit { return f.ready }

// Next returns the next unit, and io.EOF when none is left and all that were handed out have been
// found to be in the manifest.
func (f *Feed) Next(ctx context.Context) (Unit, error) {
	for len(f.ready) == 0 {
		if f.Finished() {
			return nil, io.EOF
		}
		if err := f.arrive(ctx, true); err != nil {
			return nil, err
		}
	}
	u := f.ready[0]
	f.ready = f.ready[1:]
	if f.given != nil {
		f.given[u[0].Name] = u
	}
	return u, nil
}

// Done says that a unit will not be read any more.
func (f *Feed) Done(u Unit) (err error) {
	for _, c := range u {
		err = errors.Join(err, storage.Release(f.a.dir, c.Name))
	}
	return err
}

// Close frees what the feed holds.
func (f *Feed) Close() { f.a.Close() }

// arrive waits for files, and takes up those that are chunks.
func (f *Feed) arrive(ctx context.Context, chain bool) error {
	names, err := f.arrivals.Next(ctx)
	if err == io.EOF {
		return f.finish()
	}
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, _, _, err := format.ParseChunkName(name); err != nil {
			continue
		}
		info, err := readSealed(f.a.dir, f.a.codec, f.a.dump, name)
		if err != nil {
			return inDir(f.a.dir, err)
		}
		if info.Name != name {
			return inDir(f.a.dir, &format.CorruptError{Name: name, Err: errors.New("it is the chunk of another name")})
		}
		f.came[name] = info
		if chain {
			f.chains = append(f.chains, info)
		}
	}
	// A chunk in the middle may come behind the last: numbers that are missing tell of it.
	units, rest := joinParts(f.chains, f.came)
	f.chains = rest
	for _, u := range units {
		if err := f.offer(u); err != nil {
			return err
		}
	}
	return nil
}

// offer makes a unit ready, of the chunks of it that are wanted. The others will not be read.
func (f *Feed) offer(u Unit) error {
	wanted := slices.DeleteFunc(slices.Clone(u), func(c format.ChunkInfo) bool { return !f.keep(c) })
	if len(wanted) > 0 {
		f.ready = append(f.ready, wanted)
	}
	return f.Done(slices.DeleteFunc(slices.Clone(u), f.keep))
}

// finish compares what has come with the manifest, and makes ready what was not handed out yet.
func (f *Feed) finish() error {
	done, err := openManifest(f.a.dir)
	if err != nil {
		return err
	}
	if done.Dump != f.a.dump.Dump || done.Version != f.a.dump.Version {
		return inDir(f.a.dir, &format.CorruptError{Name: format.ManifestName, Err: fmt.Errorf("it belongs to dump %s, not to %s", done.Dump, f.a.dump.Dump)})
	}
	f.a.Manifest = done
	for _, c := range done.Chunks {
		came, ok := f.came[c.Name]
		if !ok { // it came just before the manifest, or not at all
			r, err := openListed(f.a.dir, c.Name)
			if err != nil {
				return err
			}
			r.Close()
		} else if !reflect.DeepEqual(came, c) {
			return inDir(f.a.dir, &format.CorruptError{Name: c.Name, Err: fmt.Errorf("%w: it is not the chunk that the manifest lists", format.ErrChecksum)})
		}
	}
	var bad error
	f.a.checkLists(func(err error) { bad = cmp.Or(bad, err) })
	if bad != nil {
		return bad
	}
	units := f.a.Units(f.keep)
	listed := map[string]Unit{}
	for _, u := range units {
		listed[u[0].Name] = u
	}
	for _, u := range f.given {
		if !reflect.DeepEqual(listed[u[0].Name], u) {
			return inDir(f.a.dir, &format.CorruptError{Name: u[0].Name, Err: errors.New("it was loaded, but is not in the manifest as it came: load the finished dump anew, with --on-exists replace")})
		}
	}
	f.ready = slices.DeleteFunc(units, func(u Unit) bool { return f.given[u[0].Name] != nil })
	f.arrivals = nil
	return nil
}
