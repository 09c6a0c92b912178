package pack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
)

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
