package writer

import (
	"context"

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
