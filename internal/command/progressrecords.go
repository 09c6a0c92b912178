package command

import (
	"context"
	"log/slog"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/logging"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

type metersKey struct{}

// WithMeters returns a context of which Meter gives each new Meter to attach as well.
func WithMeters(ctx context.Context, attach func(*progress.Meter)) context.Context {
	return context.WithValue(ctx, metersKey{}, attach)
}

// recordEvery is how often a record says how far a phase is.
const recordEvery = 10 * time.Second

// recordProgress makes records of how far a phase is, until stop is called, which makes the last.
func recordProgress(log *logging.Log, m *progress.Meter) (stop func()) {
	var idle progress.Idle
	record := func() {
		s := m.Snapshot()
		if !idle.Due(s) {
			return
		}
		attrs := []slog.Attr{
			slog.String("phase", s.Phase), slog.Bool("ended", s.Ended), slog.Int64("keys", s.Total.Keys), slog.Int64("bytes", s.Total.Bytes),
			slog.Float64("keys_per_second", s.Total.KeysRate), slog.Int64("retries", s.Retries),
		}
		if s.Total.Share != nil {
			attrs = append(attrs, slog.Float64("share", *s.Total.Share))
		}
		if s.Left != nil {
			attrs = append(attrs, slog.Float64("left_seconds", *s.Left))
		}
		log.Note("progress", attrs...)
	}
	return progress.Repeat(recordEvery, record, func() {}, record)
}
