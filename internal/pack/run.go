package pack

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// Options say which dump goes through, and who is told how far it is.
type Options struct {
	Location string           // where it is, or goes
	Storage  storage.Options  // of where it goes
	Meter    *progress.Meter  // nil: nobody wants to know
	Summary  *summary.Summary // counts files and bytes
}

// Pack is Pack of the dump there.
func (o *Options) Pack(ctx context.Context, w io.Writer) error {
	dir, err := storage.Open(ctx, o.Location)
	if errors.Is(err, storage.ErrLocation) {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: %w", archive.ErrIncomplete, err)
	}
	return o.counted("pack", func(done func(format.File, int64)) error { return Pack(ctx, dir, w, done) })
}

// Unpack is Unpack to there. It ends with the context, also while r waits.
func (o *Options) Unpack(ctx context.Context, r io.Reader) error {
	defer storage.Absent(o.Location)()
	dir, err := storage.Create(ctx, o.Location, o.Storage)
	if err != nil {
		return fmt.Errorf("%w: --out: %w", exitcode.ErrRefused, err)
	}
	return o.counted("unpack", func(done func(format.File, int64)) error {
		return Unpack(ctx, Interruptible(ctx, r), dir, func(f format.File) { done(f, 0) })
	})
}

// counted has what do packs or unpacks counted; a total of 0 is not known.
func (o *Options) counted(phase string, do func(done func(f format.File, total int64)) error) error {
	defer o.Meter.Begin(phase, 1)()
	whole := o.Meter.Part(progress.Name{})
	err := do(func(f format.File, total int64) {
		if total > 0 {
			o.Meter.ExpectAll(total)
		}
		whole.Add(0, f.Size, f.Size)
		o.Summary.Stored, o.Summary.Written = o.Summary.Stored+f.Size, o.Summary.Written+1
	})
	if err == nil {
		o.Meter.Done(whole)
	}
	return err
}
