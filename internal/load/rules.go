package load

import (
	"context"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// touched stands for the databases of which a dump has something, whatever that is. Of an empty
// delta these are those that the load before it had.
func (s *Spec) touched(a *archive.Archive, before *loadstate.Before) (units []archive.Unit) {
	for _, c := range a.Manifest.Chunks {
		if c.Records > 0 && s.Filter.DB(c.DB) && s.Filter.Type(c.Type) {
			units = append(units, archive.Unit{c})
		}
	}
	if len(units) == 0 && before != nil {
		for db := range before.Identity().Places {
			units = append(units, archive.Unit{{DB: db}})
		}
	}
	return units
}

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
