package storage

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/objectstore"
)

// A Bucket is a Store under a prefix of a bucket. An object is visible when all of it was sent, and
// is put there under the condition that there is none of its name.
//
// When its context ends, nothing is tried again, and all requests of one that OpenBucket returned
// end. Of one that CreateBucket returned only reading from the beginning to the end stops: how far
// a run is must still be written down.
type Bucket struct {
	bucketURL
	b     objectstore.Bucket
	ctx   context.Context
	work  context.Context // of requests: it does not end
	spool string
	wait  time.Duration // Options.Wait

	reached       atomic.Bool // a request has succeeded
	unconditional atomic.Bool // the store takes no conditions
	breakLock     bool
	own           *bucketLock // nil: no object is replaced
}

// OpenBucket returns the bucket and prefix of a URL. It sends no request.
func OpenBucket(ctx context.Context, location string, o Options) (*Bucket, error) {
	p, err := parseURL(location)
	if err != nil {
		return nil, err
	}
	b := &Bucket{bucketURL: p, ctx: ctx, work: ctx, spool: o.Spool, wait: cmp.Or(o.Wait, defaultWait), breakLock: o.BreakLock}
	b.b, err = objectstore.Open(context.WithoutCancel(ctx), &p.bucket, b.wait)
	switch {
	case errors.As(err, new(*objectstore.Error)):
		return nil, b.failure("open", "", err)
	case err != nil:
		return nil, fmt.Errorf("%w: %s: %v", ErrLocation, b, err) // a file of its own that is not there is no dump that is not
	}
	return b, nil
}

// CreateBucket is OpenBucket, and makes sure that objects can be written and removed.
func CreateBucket(ctx context.Context, location string, o Options) (*Bucket, error) {
	b, err := OpenBucket(ctx, location, o)
	if err != nil {
		return nil, err
	}
	if err := b.probe(); err != nil {
		return nil, err
	}
	b.work = context.WithoutCancel(ctx)
	return b, nil
}

// probe writes an object and removes it. Further attempts to write it, which must fail, show
// whether the store takes conditions: two, for a run that begins at the same moment may have taken
// the first object away (RemoveTemporaries).
func (b *Bucket) probe() error {
	name := tempPrefix + "probe-" + rand.Text()
	if err := WriteFile(b, name, []byte("can be written\n")); err != nil {
		return err
	}
	var err error
	for _, data := range []string{"must not be written\n", "must not be written, either\n"} {
		if err = b.putBytes(name, []byte(data)); errors.Is(err, fs.ErrExist) {
			break
		} else if err != nil {
			return err
		}
	}
	if err == nil {
		b.unconditional.Store(true)
	}
	if err := b.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (b *Bucket) check(name string) error {
	if !fs.ValidPath(name) || name == "." {
		return fmt.Errorf("%q is not the name of a file in %s", name, b)
	}
	return nil
}

// stat asks for what is known of an object.
func (b *Bucket) stat(name string) (o objectstore.Object, err error) {
	err = b.try("look at", name, func(ctx context.Context) error {
		w := b.newWatch(ctx)
		o, err = b.b.Stat(w.ctx, b.key(name))
		return w.end(err)
	})
	return o, err
}

func (b *Bucket) Open(name string) (Reader, error) {
	if err := b.check(name); err != nil {
		return nil, err
	}
	o, err := b.stat(name)
	if err != nil {
		return nil, err
	}
	return &objectReader{b: b, name: name, size: o.Size, sum: o.SHA256}, nil
}

// Create begins an object of that name, which must not be there, unless Supersede allows it. It is
// kept in a file until Commit sends it.
func (b *Bucket) Create(name string) (File, error) {
	if err := b.check(name); err != nil {
		return nil, err
	}
	if !b.replaces(name) {
		if _, err := b.stat(name); err == nil {
			return nil, fmt.Errorf("create %s: %w", b.Path(name), fs.ErrExist)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	f, err := os.CreateTemp(b.spool, "pika2kvrocks-")
	if err != nil {
		return nil, fmt.Errorf("keep what is to be sent to %s: %w", b.Path(name), err)
	}
	if err := os.Remove(f.Name()); err != nil { // so that nothing is left of it, however the run ends
		return nil, errors.Join(err, f.Close())
	}
	return &spooled{b: b, name: name, f: f, hash: sha256.New()}, nil
}

func (b *Bucket) Remove(name string) error {
	if err := b.check(name); err != nil {
		return err
	}
	tried := false
	return b.try("remove", name, func(ctx context.Context) error {
		w := b.newWatch(ctx)
		err := w.end(b.b.Delete(w.ctx, b.key(name)))
		if err != nil && tried && errors.Is(b.failure("remove", name, err), fs.ErrNotExist) {
			return nil // the answer to the try before was lost
		}
		tried = true
		return err
	})
}

// List returns the names of all objects, in order.
func (b *Bucket) List() ([]string, error) {
	all, err := b.list()
	return slices.DeleteFunc(all, func(name string) bool {
		base := name[strings.LastIndexByte(name, '/')+1:]
		// Some tools make empty objects that stand for directories.
		return base == "" || hidden(base)
	}), err
}

func (b *Bucket) list() (names []string, err error) {
	under := b.key("")
	if under != "" {
		under += "/"
	}
	err = b.try("list", "", func(ctx context.Context) error {
		w := b.newWatch(ctx)
		names = nil
		for key, err := range b.b.List(w.ctx, under) {
			if err != nil {
				return w.end(err)
			}
			w.moved()
			names = append(names, strings.TrimPrefix(key, under))
		}
		return w.end(nil)
	})
	slices.Sort(names)
	return names, err
}

// RemoveTemporaries removes what runs left that were killed while they tried whether the bucket can
// be written to.
func (b *Bucket) RemoveTemporaries() error {
	names, err := b.list()
	for _, name := range names {
		if err == nil && strings.HasPrefix(name, tempPrefix) {
			err = b.Remove(name)
		}
	}
	return err
}
