package writer

import (
	"context"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// A Loader loads one target. Its methods are safe for concurrent use.
type Loader struct {
	*target.Target
	options Options
	raw     bool
}

// WriteRaw has new workers write keys by raw batches where these can hold them. The target must
// have passed preflight.ProveRaw: one that reads such a batch otherwise is damaged by it.
func (l *Loader) WriteRaw() { l.raw = true }

// Open opens a target and returns its Loader. An error is an ErrAuth, an ErrPreflight, or neither.
func Open(ctx context.Context, o Options) (*Loader, error) {
	o, err := o.checked()
	if err != nil {
		return nil, err
	}
	t, err := target.Open(ctx, o.Target)
	if err != nil {
		return nil, err
	}
	return &Loader{Target: t, options: o}, nil
}

// NewWorker opens a connection for the records of a source database, or in a cluster one to each
// node.
func (l *Loader) NewWorker(ctx context.Context, db int) (*Worker, error) {
	r, err := l.Target.Router(ctx, db, true)
	if err != nil {
		return nil, err
	}
	w := &Worker{target: l.Target, options: &l.options, db: db, router: r, account: account{db: db}}
	w.queue = queue{target: l.Target, options: &l.options, account: &w.account, flush: w.flush}
	if l.raw {
		space := l.Target.Keyspace(db)
		if w.queue.raw, err = newRawBatch(space[:max(0, strings.LastIndexByte(space, '/'))]); err != nil {
			r.Close()
			return nil, err
		}
	}
	return w, nil
}
