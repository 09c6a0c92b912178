package writer

import (
	"context"

	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// A Loader loads one target. Its methods are safe for concurrent use.
type Loader struct {
	*target.Target
	options Options
}

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
