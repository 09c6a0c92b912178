package archive

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// ErrExists: where a dump is to be written there is something already.
var ErrExists = exitcode.New(exitcode.Refused, "the output is not empty")

// Options of a Writer. Zero values mean the defaults.
type Options struct {
	ChunkBytes int64         // stored bytes at which a chunk is closed: default 64 MiB
	SealAfter  time.Duration // a chunk that was begun so long ago is closed, too; 0: none is
	Level      format.Level  // of compression: default format.Fastest
	Threads    int           // frames compressed at once: default one per core
	Keys       encryption.Keys
	Uploads    int // chunks sent to a bucket at once, while more are written: default 4
	Storage    storage.Options
	Sealed     func() // is told of each chunk that lies in the dump; nil: nobody is
}

// SkippedList returns where skipped.jsonl of a dump is that is made at a location.
func (o *Options) SkippedList(location string) string {
	list := storage.Join(location, format.SkippedName)
	if len(o.Keys.Recipients) > 0 {
		list += format.EncryptedSuffix
	}
	return list
}

// A Writer writes one dump. Its methods, and those of different segments, may be
// called from many goroutines.
type Writer struct {
	Info format.Info

	dir   storage.Store
	lock  storage.Lock
	codec *format.Codec
	o     Options

	uploads *errgroup.Group // nil: files are committed where they are written
	divided bool            // shards wrote, too
	dropped []string        // files in a bucket that are to be removed at the end

	mu      sync.Mutex
	failed  error // the first of an upload
	numbers numbers
	chunks  []format.ChunkInfo
	resumed bool // earlier runs have done something
}

// Create begins a dump at location, a directory or the URL of a prefix in a bucket, which must be
// empty or not there, and writes dump.json. The context is for all that is done with the writer.
func Create(ctx context.Context, location string, info format.Info, o Options) (*Writer, error) {
	dir, err := createStore(ctx, location, o.Storage)
	if err != nil {
		return nil, fmt.Errorf("create dump: %w", err)
	}
	return create(dir, storage.IsURL(location), info, o)
}

// CanCreate returns why Create would refuse a location, as far as a look shows that.
func CanCreate(ctx context.Context, location string, o storage.Options) error {
	if err := MustBeOutside(ctx, location); err != nil {
		return err
	}
	dir, err := storage.Foresee(ctx, location, o)
	if err != nil {
		return fmt.Errorf("create dump: %w", err)
	}
	if dir == nil {
		return nil
	}
	return mustBeEmpty(dir)
}

// createStore is storage.Create of a place that is in no dump.
func createStore(ctx context.Context, location string, o storage.Options) (storage.Store, error) {
	if err := MustBeOutside(ctx, location); err != nil {
		return nil, err
	}
	return storage.Create(ctx, location, o)
}

// CreateIn is Create in a store that is no bucket.
func CreateIn(dir storage.Store, info format.Info, o Options) (*Writer, error) {
	return create(dir, false, info, o)
}

func create(dir storage.Store, bucket bool, info format.Info, o Options) (*Writer, error) {
	dir, err := encryption.Create(dir, o.Keys, false)
	if err != nil {
		return nil, fmt.Errorf("create dump: %w", err)
	}
	return newWriter(dir, bucket, info, o, dir.Lock, (*Writer).beginEmpty)
}

// newWriter locks the directory or bucket, and begins or takes up what is there.
func newWriter(dir storage.Store, bucket bool, info format.Info, o Options, lock func() (storage.Lock, error), begin func(*Writer) error) (*Writer, error) {
	o.ChunkBytes, o.Uploads = cmp.Or(o.ChunkBytes, 64<<20), cmp.Or(o.Uploads, 4)
	if o.ChunkBytes < 1 {
		return nil, fmt.Errorf("chunk size %d is negative", o.ChunkBytes)
	}
	if bucket && o.ChunkBytes > storage.MaxObject/(splitFactor+1) {
		return nil, fmt.Errorf("chunk size %d: in a bucket it is at most %d", o.ChunkBytes, storage.MaxObject/(splitFactor+1))
	}
	codec, err := format.NewCodec(o.Level, o.Threads)
	if err != nil {
		return nil, err
	}
	locked, err := lock()
	if err != nil {
		codec.Close()
		return nil, err
	}
	storage.Supersede(locked)
	w := &Writer{Info: info, dir: dir, lock: locked, codec: codec, o: o, numbers: numbers{last: map[segmentID]int{}}}
	if bucket {
		w.uploads, w.numbers.claims = new(errgroup.Group), dir
		w.uploads.SetLimit(o.Uploads)
	}
	if err := begin(w); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// beginEmpty writes dump.json into a directory that holds nothing but what is left of a run
// that was killed before it did so.
func (w *Writer) beginEmpty() error {
	if err := mustBeEmpty(w.dir); err != nil {
		return err
	}
	if err := w.dir.RemoveTemporaries(); err != nil {
		return fmt.Errorf("create dump: %w", err)
	}
	data, err := w.Info.Marshal()
	if err == nil {
		err = storage.WriteFile(w.dir, format.InfoName, data)
	}
	if err != nil {
		return fmt.Errorf("create dump: %w", err)
	}
	return nil
}

func mustBeEmpty(dir storage.Store) error {
	names, err := dir.List()
	if err != nil {
		return fmt.Errorf("create dump: %w", err)
	}
	if len(names) == 0 {
		return nil
	}
	what := "a file, " + names[0]
	switch {
	case slices.Contains(names, format.ManifestName):
		what = "a finished dump"
	case slices.Contains(names, format.InfoName):
		what = "an unfinished dump (resume it with --resume)"
	}
	return fmt.Errorf("%w: %s holds %s; give another directory, or remove this one if it is not needed", ErrExists, dir.Path(""), what)
}

// Close waits for chunks that are being sent, and frees what the writer holds. It finishes nothing.
func (w *Writer) Close() {
	_ = w.flush()
	w.codec.Close()
	w.lock.Unlock()
}

// seal commits a chunk. One that goes to a bucket is sent while its segment goes on, and waits here
// only until one of the uploads before is done. It is sealed when it is there: those of a segment
// may get there in any order.
func (w *Writer) seal(f storage.File, c format.ChunkInfo) error {
	commit := func() error {
		var err error
		if w.numbers.own != 0 { // if the lock of a shard was broken, others may finish; else Finish looks
			err = w.lock.Held()
		}
		if err == nil {
			err = f.Commit()
		} else {
			f.Discard()
		}
		if err == nil && c.Skipped == 0 && !MayConflict(&w.Info) { // else Finish reads it again
			err = storage.Release(w.dir, c.Name)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if err != nil {
			err = fmt.Errorf("chunk %s: %w", c.Name, err)
			w.failed = cmp.Or(w.failed, err)
			return err
		}
		w.chunks = append(w.chunks, c)
		if w.o.Sealed != nil {
			w.o.Sealed()
		}
		return nil
	}
	if w.uploads == nil {
		return commit()
	}
	w.mu.Lock()
	failed := w.failed
	w.mu.Unlock()
	if failed != nil {
		f.Discard()
		return failed
	}
	w.uploads.Go(commit)
	return nil
}

// flush waits until all chunks are sent.
func (w *Writer) flush() error {
	if w.uploads == nil {
		return nil
	}
	return w.uploads.Wait()
}

// Finish finds the names that exist under several types if manyTypes says that the source can
// have such, and writes the lists and the manifest. All segments must be closed.
func (w *Writer) Finish(after []format.BinlogPosition, manyTypes bool) (*format.Manifest, error) {
	m, err := w.Draft(after)
	if err != nil {
		return nil, err
	}
	return m, w.FinishAs(m, manyTypes)
}

// Draft returns what the manifest will say, without the lists.
func (w *Writer) Draft(after []format.BinlogPosition) (*format.Manifest, error) {
	if err := w.flush(); err != nil {
		return nil, err
	}
	m := &format.Manifest{Info: w.Info, BinlogAfter: after,
		Skipped: []format.Reason{}, Lists: []format.File{}, Chunks: w.chunks}
	m.SumUp()
	m.Judge()
	return m, nil
}

// FinishAs is Finish with the manifest that Draft returned.
func (w *Writer) FinishAs(m *format.Manifest, manyTypes bool) error {
	written := &Archive{Manifest: m, dump: &m.Info, dir: w.dir, codec: w.codec}
	if manyTypes {
		if err := written.writeConflicts(); err != nil {
			return fmt.Errorf("find names in several types: %w", err)
		}
	}
	if err := written.writeSkipped(); err != nil {
		return fmt.Errorf("list the keys that are not in the dump: %w", err)
	}
	m.Finished = time.Now().UTC().Truncate(time.Millisecond)
	data, err := m.Marshal()
	if err == nil {
		err = w.lock.Held()
	}
	if err != nil {
		return fmt.Errorf("finish dump: %w", err)
	}
	names := written.names()
	if e, ok := w.dir.(*encryption.Store); ok {
		e.SetFiles(names)
	}
	if err := storage.WriteFile(w.dir, format.ManifestName, data); err != nil {
		return fmt.Errorf("finish dump: %w", err)
	}
	if w.uploads != nil {
		ranges, _ := w.numberRanges()
		w.numbers.unclaim(ranges)
	}
	if w.divided {
		_ = w.dir.Remove(storage.ShardsName) // of no use any more
	}
	for _, name := range w.dropped { // whoever checks the dump is told of what stays
		if !names[name] {
			_ = w.dir.Remove(name)
		}
	}
	return nil
}
