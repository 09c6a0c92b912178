package dump

import (
	"context"
	"errors"
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pack"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// begin begins the dump, or resumes it. Stream is where one goes that is sent on; nil: none is.
func begin(ctx context.Context, o *Options, stream *pack.Output, info format.Info) (*archive.Writer, error) {
	if stream != nil {
		return archive.CreateIn(stream, info, o.Archive)
	}
	if o.Shard == nil && !o.Resume {
		w, err := archive.Create(ctx, o.Location, info, o.Archive)
		return w, refused(err, o.Location)
	}
	tell := func(text string) { fmt.Fprintln(o.Log, text) }
	var w *archive.Writer
	var err error
	if o.Shard != nil {
		w, err = archive.Join(ctx, o.Location, info, o.Shard.Index, o.Shard.Division, o.Archive, tell)
	} else {
		w, err = archive.Resume(ctx, o.Location, info, o.Archive, tell)
	}
	if err == nil && w.Resumed() {
		fmt.Fprintf(o.Log, "resuming: %s are there already\n", w.Holds())
	}
	return w, refused(err, o.Location)
}

// refused says what a failure to begin a dump means: unless it says so itself, that the location
// cannot be written to.
func refused(err error, location string) error {
	if err == nil || errors.As(err, new(*format.CorruptError)) {
		return err
	}
	for _, known := range []error{
		archive.ErrExists, archive.ErrFinished, archive.ErrDiffers, archive.ErrInside, storage.ErrLocked, storage.ErrDenied, storage.ErrUnavailable,
		storage.ErrLocation, encryption.ErrIdentity, encryption.ErrMixed,
	} {
		if errors.Is(err, known) {
			return err
		}
	}
	return fmt.Errorf("%w: --out %s cannot be written to: %w", reader.ErrRefused, location, err)
}

// notFinished returns the error of a dump that ended before its end, which says what to do with it.
func notFinished(err error, s *reader.Scanner, o *Options) error {
	switch {
	case o.Stream != nil:
		return fmt.Errorf("%w (the stream is not finished: dump again)", err)
	case s.ByCursor():
		return exitcode.FromStart(fmt.Errorf("%w (%s holds an unfinished dump, which cannot be resumed: remove it)", err, o.Location))
	case o.Shard != nil:
		return fmt.Errorf("%w (%s holds an unfinished dump: the same command resumes this shard of it)", err, o.Location)
	}
	return fmt.Errorf("%w (%s holds an unfinished dump: --resume resumes it)", err, o.Location)
}
