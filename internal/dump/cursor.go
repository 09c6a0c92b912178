package dump

import (
	"context"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// scanCursor lists the keys of a database by SCAN into a segment of each type.
func (c *scan) scanCursor(ctx context.Context, pass *reader.Pass) error {
	sinks := map[format.Type]*sink{}
	for _, t := range c.w.Info.Options.Types {
		if t != format.TypeStream {
			seg := c.segment(pass.DB, t, nil)
			defer seg.Discard()
			sinks[t] = c.sink(seg, pass.DB, t)
		}
	}
	err := c.s.ScanCursor(ctx, pass, func(t format.Type) reader.Sink {
		if s := sinks[t]; s != nil {
			return s
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, s := range sinks {
		if err := s.seg.Close(nil); err != nil {
			return err
		}
	}
	return nil
}
