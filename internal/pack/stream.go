package pack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"syscall"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// An Output is a Store that writes each file, when it is complete, to a stream. Files are made in a
// spool, a directory of its own, from which those that are not needed any more are removed. A
// dump in it cannot be resumed.
type Output struct {
	spool

	mu    sync.Mutex
	w     *writer
	names []string
	err   error // of the stream: final
}

// NewOutput makes a spool in the directory parent, empty for that of temporary files. It writes to
// w until the context ends, also if nobody reads what it writes.
func NewOutput(ctx context.Context, w io.Writer, parent string) (*Output, error) {
	s, err := makeSpool(parent)
	if err != nil {
		return nil, err
	}
	return &Output{spool: s, w: newWriter(ctx, w)}, nil
}

// Path names the stream.
func (o *Output) Path(name string) string {
	if name == "" {
		return "standard output"
	}
	return name + " in the stream"
}

// List returns the names of all files, those too that are in the stream only.
func (o *Output) List() ([]string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Sorted(slices.Values(o.names)), nil
}

func (o *Output) Create(name string) (storage.File, error) {
	f, err := o.Dir.Create(name)
	if err != nil {
		return nil, err
	}
	return &outputFile{f, o, name}, nil
}

// Remove is refused: what is in the stream stays there.
func (o *Output) Remove(name string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if slices.Contains(o.names, name) {
		return errors.New("remove " + name + ": it is in the stream already")
	}
	return o.Dir.Remove(name)
}

// Close removes the spool.
func (o *Output) Close() error { return o.remove() }

type outputFile struct {
	storage.File
	o    *Output
	name string
}

// Commit puts the file into the spool and then into the stream, which the last one ends.
func (f *outputFile) Commit() error {
	if err := f.File.Commit(); err != nil {
		return err
	}
	o := f.o
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return o.err
	}
	_, o.err = o.w.add(o.Dir, f.name)
	o.names = append(o.names, f.name)
	if o.err == nil && isLast(f.name) {
		o.err = o.w.tw.Close()
	}
	return o.err
}

// ErrNoReader: whoever reads the stream has ended before its end.
var ErrNoReader = exitcode.New(exitcode.TryAgain, "whoever reads the stream has ended before its end")

// A stalling is a writer whose writes may wait for ever, as those to a pipe that nobody reads do.
// When the context ends, it does not wait any more: a write that hangs is left behind, and the
// process ends with it hanging.
type stalling struct {
	ctx context.Context
	w   io.Writer
}

// InterruptibleWriter writes to w until the context ends. If whoever reads w has ended, the error
// is ErrNoReader.
func InterruptibleWriter(ctx context.Context, w io.Writer) io.Writer { return &stalling{ctx, w} }

func (s *stalling) Write(p []byte) (int, error) {
	if s.ctx.Err() != nil {
		return 0, context.Cause(s.ctx)
	}
	type result struct {
		n   int
		err error
	}
	written := make(chan result, 1) // nobody may be there to take it
	go func() {
		n, err := s.w.Write(p)
		written <- result{n, err}
	}()
	select {
	case r := <-written:
		if errors.Is(r.err, syscall.EPIPE) {
			return r.n, fmt.Errorf("%w: %w", ErrNoReader, r.err)
		}
		return r.n, r.err
	case <-s.ctx.Done():
		return 0, context.Cause(s.ctx)
	}
}

// Interruptible reads from r until the context ends: a read of a pipe may wait for ever.
func Interruptible(ctx context.Context, r io.Reader) io.Reader {
	pr, pw := io.Pipe()
	context.AfterFunc(ctx, func() { pw.CloseWithError(context.Cause(ctx)) })
	go func() {
		_, err := io.Copy(pw, r)
		pw.CloseWithError(err)
	}()
	return pr
}
