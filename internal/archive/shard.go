package archive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// Join begins or resumes one shard of a dump, beside others that may be at work. The one that
// is the first writes dump.json. Info is what a new dump would get: source, options and division
// must be those of the dump. A shard ends with Sealed; a run without a shard then finishes the
// dump, by Resume.
func Join(ctx context.Context, location string, info format.Info, shard int, d *ShardPlan, o Options, log func(string)) (*Writer, error) {
	dir, err := createStore(ctx, location, o.Storage)
	if err != nil {
		return nil, fmt.Errorf("begin shard: %w", err)
	}
	lock := func() (storage.Lock, error) { return dir.LockShard(fmt.Sprintf("shard-%04d", shard)) }
	return newWriter(dir, storage.IsURL(location), info, o, lock, func(w *Writer) error {
		w.numbers.own = numberRange(shard + 1)
		if err := w.mayAgree(shard); err != nil {
			return err
		}
		return w.join(d, log)
	})
}

// mayAgree lets shard 0 alone begin a dump in a bucket where two would both write dump.json.
func (w *Writer) mayAgree(shard int) error {
	if shard == 0 || storage.IsConditional(w.dir) {
		return nil
	}
	begun, err := storage.Exists(w.dir, format.InfoName)
	if err == nil && !begun {
		err = fmt.Errorf("%w, or may be: the store of %s takes no conditions, so that shard 0 has to begin the dump: try again when it has",
			storage.ErrLocked, w.dir.Path(""))
	}
	return err
}

func (w *Writer) join(d *ShardPlan, log func(string)) error {
	old, err := w.agree()
	if err != nil {
		return err
	}
	if err := w.takeUp(old, log); err != nil {
		return err
	}
	if err := w.divide(d); err != nil {
		return err
	}
	names, err := w.dir.List()
	if err != nil {
		return fmt.Errorf("resume shard: %w", err)
	}
	var own []string
	for _, name := range names {
		_, _, number, err := format.ParseChunkName(name)
		switch {
		case err != nil:
		case numberRangeOf(number) == 0:
			return fmt.Errorf("%w: %s was written by a run without --shard: resume without it, with --resume", ErrDiffers, name)
		case numberRangeOf(number) == w.numbers.own:
			own = append(own, name)
		}
	}
	return w.adoptAll(own, []numberRange{w.numbers.own}, log)
}

// agree returns dump.json as the shard that was the first wrote it, which may be this one.
func (w *Writer) agree() (*format.Info, error) {
	old, err := ReadInfo(w.dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return old, err
	}
	if err := mustBeEmpty(w.dir); err != nil {
		if old, err := ReadInfo(w.dir); err == nil { // another shard has just begun: dump.json is its first file
			return old, nil
		}
		return nil, err
	}
	data, err := w.Info.Marshal()
	if err == nil {
		err = storage.WriteOnce(w.dir, format.InfoName, data)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("begin shard: %w", err)
	}
	return ReadInfo(w.dir)
}

// divide makes sure that all shards are of the same division.
func (w *Writer) divide(d *ShardPlan) error {
	var there []byte
	data, err := json.Marshal(d)
	if err == nil {
		err = storage.WriteOnce(w.dir, storage.ShardsName, data)
	}
	if err == nil || errors.Is(err, fs.ErrExist) {
		there, err = storage.ReadFile(w.dir, storage.ShardsName, format.MaxManifest)
	}
	if err != nil {
		return fmt.Errorf("begin shard: %w", err)
	}
	if !bytes.Equal(there, data) {
		return fmt.Errorf("%w: it is divided into shards in another way: give each shard the same --plan, or dump into another directory", ErrDiffers)
	}
	return nil
}

// numberRanges returns which numbers chunks of the dump may have, of all shards.
func (w *Writer) numberRanges() ([]numberRange, error) {
	all := []numberRange{0}
	data, err := storage.ReadFile(w.dir, storage.ShardsName, format.MaxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, fmt.Errorf("resume dump: %w", err)
	}
	w.divided = true
	d, err := ParseShardPlan(data)
	if err != nil {
		return nil, fmt.Errorf("resume dump: %w", &format.CorruptError{Name: w.dir.Path(storage.ShardsName), Err: err})
	}
	for i := range d.Shards {
		all = append(all, numberRange(i+1))
	}
	return all, nil
}

// Sealed waits until all chunks are where they belong. All segments must be closed.
func (w *Writer) Sealed() error {
	if err := w.flush(); err != nil {
		return err
	}
	return w.lock.Held()
}
