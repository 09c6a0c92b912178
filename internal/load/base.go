package load

import (
	"cmp"
	"context"
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
)

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

// openBehind opens what a load and deltas behind it amount to.
func (s *Spec) openBehind(ctx context.Context, id journal.Identity, behind []*loadstate.LaterError) (*archive.Archive, error) {
	base, places := s.Dump, []string(nil)
	if s.Number > 0 {
		base = cmp.Or(s.Base, id.After.Base)
		chain, _, _ := archive.ParseDeltaPath(s.Dump)
		for n := 1; n < s.Number; n++ {
			places = append(places, archive.DeltaPath(chain, n))
		}
		places = append(places, s.Dump)
	}
	for _, d := range behind {
		places = append(places, d.Place)
	}
	members := make([]archive.Member, len(places))
	for i, place := range places {
		a, err := archive.OpenAny(ctx, place, 1, s.Keys.Identities...)
		if err != nil {
			return nil, err
		}
		a.Close()
		members[i] = archive.Member{Number: i + 1, Location: place, Info: a.Manifest.Info, Finished: true}
	}
	return archive.OpenChain(ctx, base, members, s.Workers, s.Keys.Identities...)
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
