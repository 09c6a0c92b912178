package load

import (
	"context"
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
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

// openBefore opens what a delta follows: its base, and the deltas before.
func (s *Spec) openBefore(ctx context.Context, d *format.Delta) (*archive.Archive, error) {
	base := s.findBase(ctx, d)
	if base == "" {
		return nil, fmt.Errorf("%w: the names of keys with several types (--on-conflict suffix) depend on the base of this delta, dump %s: say with --base where it lies", exitcode.ErrRefused, d.Base)
	}
	chain, _, _ := archive.ParseDeltaPath(s.Dump)
	return OpenChain(ctx, base, chain, d.Number-1, s.Workers, s.Keys)
}

// OpenChain opens what a base and the first so many deltas of a chain amount to.
func OpenChain(ctx context.Context, base, chain string, deltas, threads int, keys encryption.Keys) (*archive.Archive, error) {
	var members []archive.Member
	for n := 1; n <= deltas; n++ {
		m, err := archive.ReadMember(ctx, chain, n, keys.Identities...)
		if err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	return archive.OpenChain(ctx, base, members, threads, keys.Identities...)
}

// findBase returns where the base of a delta lies, as user or journal say; empty: nobody does.
func (s *Spec) findBase(ctx context.Context, d *format.Delta) string {
	if s.Base != "" {
		return s.Base
	}
	if _, id, err := s.Location().Identity(ctx); err == nil && id.After != nil && id.After.Base != "" {
		return id.After.Base
	}
	before, err := s.Location().Before(ctx, d.After, "", s.Location().AsNode())
	if err != nil || before.Identity().After == nil {
		return ""
	}
	return before.Identity().After.Base
}

// Begin tells rules when the load that a journal is of began.
func Begin(rules *rewrite.Rules, id journal.Identity, m *format.Manifest) {
	if id.After != nil && !id.After.Started.IsZero() {
		rules.BeginAt(id.Now, id.After.Started)
		return
	}
	rules.Begin(id.Now, m)
}
