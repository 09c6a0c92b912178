package dump

import (
	"context"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// scanCursor lists the keys of a database by SCAN into a segment of each type.
func scanCursor(ctx context.Context, s *reader.Scanner, w *archive.Writer, pass *reader.Pass, n *counters, meter *progress.Meter) error {
	sinks := map[format.Type]*sink{}
	for _, t := range w.Info.Options.Types {
		if t != format.TypeStream {
			seg := w.Segment(pass.DB, t, nil)
			defer seg.Discard()
			sinks[t] = &sink{seg, n, meter, partOf(meter, pass.DB, t)}
		}
	}
	err := s.ScanCursor(ctx, pass, func(t format.Type) reader.Sink {
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
