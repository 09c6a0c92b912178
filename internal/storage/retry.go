package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
)

// How often and how long a request is tried. The library of S3 tries three times each time.
const (
	tries       = 8
	firstTries  = 3 // while nothing has succeeded yet: the address may be wrong
	defaultWait = 500 * time.Millisecond
	// stalled is how long nothing may move before a request is given up.
	stalled = time.Minute
	// stalledAtEnd is the same when the run is told to stop: schedulers kill after 30 s.
	stalledAtEnd = 10 * time.Second
)

// try runs f until it succeeds, or fails in a way that another try cannot mend. It is not tried
// again when the context of the bucket has ended.
func (b *Bucket) try(op, name string, f func(context.Context) error) error {
	wait := b.wait
	for n := 1; ; n++ {
		err := f(b.work)
		if err == nil {
			b.reached.Store(true)
			return nil
		}
		if ended := context.Cause(b.work); ended != nil {
			return fmt.Errorf("%w (%s %s: %w)", ended, op, b.Path(name), err)
		}
		err = b.failure(op, name, b.explained(b.work, err))
		if !errors.Is(err, ErrUnavailable) || n >= b.tries() {
			return err
		}
		if stopped := b.pause(b.ctx, wait); stopped != nil {
			return fmt.Errorf("%w (%w)", stopped, err)
		}
		wait *= 2
	}
}

func (b *Bucket) tries() int {
	if b.reached.Load() {
		return tries
	}
	return firstTries
}

// pause waits, unless ctx ends, or that of the bucket.
func (b *Bucket) pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-b.ctx.Done():
		return context.Cause(b.ctx)
	}
}

// failure says what an error of a request means.
func (b *Bucket) failure(op, name string, err error) error {
	if errors.As(err, new(*RequestError)) || errors.As(err, new(*format.CorruptError)) {
		return err
	}
	e := &RequestError{Op: op, Path: b.Path(name), Err: err}
	advice := b.advice(err)
	if advice != nil {
		e.Err = fmt.Errorf("%w (%w)", advice, e.Err)
	}
	said := answer(err)
	switch status, code := said.Status, said.Code; {
	case errors.Is(err, fs.ErrExist):
		e.Kind = fs.ErrExist
	case errors.Is(err, fs.ErrNotExist):
		e.Kind = fs.ErrNotExist
	case slices.Contains(passing, code):
		e.Kind = ErrUnavailable
	case status == http.StatusUnauthorized, status == http.StatusForbidden, slices.Contains(refusals, code), advice != nil:
		e.Kind = ErrDenied
	case status == http.StatusNotImplemented, code == "NotImplemented":
		e.Kind = errUnsupported
	case exitcode.IsTLS(err):
		e.Kind = errTLS
	case status >= 300 && status < 500 && status != http.StatusRequestTimeout && status != http.StatusConflict && status != http.StatusTooManyRequests:
	case !b.reached.Load() && strings.Contains(err.Error(), "credentials"): // there are none
		e.Kind = ErrDenied
	default:
		e.Kind = ErrUnavailable
	}
	return e
}
