package load

import (
	"context"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// Rules returns the names and expiries that an open dump gets on the target.
func (s *Spec) Rules(ctx context.Context, a *archive.Archive) (*rewrite.Rules, error) {
	if a.Manifest.Delta == nil {
		return s.Rewrite.Rules(a, &s.Filter)
	}
	var was *archive.Archive
	defer func() {
		if was != nil {
			was.Close()
		}
	}()
	before := func() (d rewrite.Dump, err error) {
		was, err = s.openBefore(ctx, a.Manifest.Delta)
		return was, err
	}
	return s.Rewrite.DeltaRules(a, before, &s.Filter, s.Target.HyperLogLog == writer.LeaveOut)
}

// Begin tells rules when the load that a journal is of began.
func Begin(rules *rewrite.Rules, id journal.Identity, m *format.Manifest) {
	if id.After != nil && !id.After.Started.IsZero() {
		rules.BeginAt(id.Now, id.After.Started)
		return
	}
	rules.Begin(id.Now, m)
}
