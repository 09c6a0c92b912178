package storage

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// An objectReader reads one object. Read reads ahead, from the beginning to the end, under the
// context of the bucket; ReadAt sends a request for just what it is asked for.
type objectReader struct {
	b     *Bucket
	name  string
	size  int64
	sum   []byte
	ahead *ahead // nil until Read is called
}

func (r *objectReader) Size() int64    { return r.size }
func (r *objectReader) SHA256() []byte { return r.sum }

func (r *objectReader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read %s: negative offset", r.b.Path(r.name))
	}
	end := min(r.size, off+int64(len(p)))
	if off >= end {
		if len(p) == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	s := &stream{r: r, ctx: r.b.work, off: off, end: end}
	defer s.close()
	n, err := io.ReadFull(s, p[:end-off])
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

func (r *objectReader) Read(p []byte) (int, error) {
	if r.ahead == nil {
		r.ahead = newAhead(r)
	}
	return r.ahead.read(p)
}

func (r *objectReader) Close() error {
	if r.ahead != nil {
		r.ahead.close()
	}
	return nil
}

// A stream reads a range of an object. When a read breaks, it goes on from there with another
// request.
type stream struct {
	r        *objectReader
	ctx      context.Context
	off, end int64
	whole    bool // one request gives all: the library checks what it knows of the object's checksum

	body   io.ReadCloser
	watch  *watch
	failed int // tries in a row, without a byte
}

func (s *stream) Read(p []byte) (int, error) {
	for s.off < s.end {
		n, err := s.once(p[:min(int64(len(p)), s.end-s.off)])
		if n > 0 {
			s.off += int64(n)
			s.failed = 0
			return n, nil
		}
		if err == nil {
			continue
		}
		if context.Cause(s.ctx) != nil {
			return 0, context.Cause(s.ctx)
		}
		s.failed++
		if err := s.r.b.pause(s.ctx, s.failed, s.r.b.failure("read", s.r.name, err)); err != nil {
			return 0, err
		}
	}
	return 0, s.atEnd()
}

// once reads from the request at hand, or from a new one.
func (s *stream) once(p []byte) (n int, err error) {
	if s.body == nil {
		s.watch = s.r.b.newWatch(s.ctx)
		length := s.end - s.off
		if s.whole = s.off == 0 && s.end == s.r.size; s.whole {
			length = -1
		}
		var size int64
		if s.body, size, err = s.r.b.b.Get(s.watch.ctx, s.r.b.key(s.r.name), s.off, length); err != nil {
			s.body = nil
			return 0, s.watch.end(err)
		}
		if size != s.r.size {
			s.close()
			return 0, &format.CorruptError{Name: s.r.b.Path(s.r.name), Offset: s.off, Err: fmt.Errorf("the object had %d bytes, and has %d now", s.r.size, size)}
		}
		s.r.b.reached.Store(true)
	}
	s.watch.moved()
	n, err = s.body.Read(p)
	if err != nil && n == 0 {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		err = s.watch.end(err)
		s.body.Close()
		s.body = nil
	}
	return n, err
}

// atEnd returns io.EOF unless the library found a wrong checksum.
func (s *stream) atEnd() error {
	if s.body != nil && s.whole {
		if _, err := s.body.Read(make([]byte, 1)); err != nil && err != io.EOF && s.watch.ctx.Err() == nil {
			return &format.CorruptError{Name: s.r.b.Path(s.r.name), Offset: 0, Err: err}
		}
	}
	s.close()
	return io.EOF
}

func (s *stream) close() {
	if s.body != nil {
		_ = s.watch.end(nil)
		s.body.Close()
		s.body = nil
	}
}

// How far is read ahead of need: so much is in memory of each object that is being read.
const (
	aheadBlocks = 8
	aheadBlock  = 256 << 10
)

// An ahead reads an object ahead of need.
type ahead struct {
	blocks chan block  // in order; closed behind the last
	free   chan []byte // buffers
	ctx    context.Context
	cancel context.CancelFunc
	over   sync.WaitGroup

	buf  []byte // of the block at hand
	rest []byte
	err  error
}

type block struct {
	data []byte
	err  error // behind data
}

func newAhead(r *objectReader) *ahead {
	ctx, cancel := context.WithCancel(r.b.ctx)
	a := &ahead{blocks: make(chan block, aheadBlocks), free: make(chan []byte, aheadBlocks), ctx: ctx, cancel: cancel}
	size := int(min(aheadBlock, max(1, r.size)))
	for range min(aheadBlocks, r.size/int64(size)+1) {
		a.free <- make([]byte, size)
	}
	a.over.Go(func() {
		defer close(a.blocks)
		s := &stream{r: r, ctx: ctx, end: r.size}
		defer s.close()
		for {
			var buf []byte
			select {
			case buf = <-a.free:
			case <-ctx.Done():
				return
			}
			n, err := io.ReadFull(s, buf)
			if err == io.ErrUnexpectedEOF {
				err = io.EOF
			}
			a.blocks <- block{buf[:n], err} // there is room for as many as there are buffers
			if err != nil {
				return
			}
		}
	})
	return a
}

func (a *ahead) read(p []byte) (int, error) {
	for len(a.rest) == 0 {
		if a.err != nil {
			return 0, a.err
		}
		if a.buf != nil {
			a.free <- a.buf[:cap(a.buf)]
			a.buf = nil
		}
		b, ok := <-a.blocks
		if !ok {
			a.err = context.Cause(a.ctx)
			continue
		}
		a.buf, a.rest, a.err = b.data, b.data, b.err
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

func (a *ahead) close() {
	a.cancel()
	a.over.Wait()
}
