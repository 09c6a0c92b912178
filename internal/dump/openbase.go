package dump

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// A base is what a delta is made of: a full dump, and the deltas of its chain that come before.
type base struct {
	place  string
	dumps  []*archive.Archive // what they amount to, and each delta by itself
	full   *format.Info
	last   *format.Info // of the dump that the delta follows
	number int
	other  bool         // the source may be another one
	lock   storage.Lock // of the chain; nil: the delta is in none
}

// openBase opens the base of a dump, and sets what is dumped to what the base is of.
func openBase(ctx context.Context, o *Options) (*base, error) {
	ids := o.Archive.Keys.Identities
	b := &base{place: o.Base, number: 1, other: o.OtherSource}
	members, err := b.before(ctx, o)
	if err != nil {
		b.close()
		return nil, err
	}
	a, err := archive.OpenChain(ctx, o.Base, members, 0, ids...)
	if err != nil {
		b.close()
		return nil, fmt.Errorf("--base: %w", err)
	}
	b.dumps = append(b.dumps, a)
	b.full, b.last = &a.Manifest.Info, &a.Manifest.Info
	for i := range members {
		m, err := archive.OpenAny(ctx, members[i].Location, 1, ids...)
		if err != nil {
			b.close()
			return nil, err
		}
		b.dumps, b.last = append(b.dumps, m), &members[i].Info
	}
	if err := b.choose(&o.Selection); err != nil {
		b.close()
		return nil, err
	}
	for _, a := range b.dumps {
		o.Summary.Below(a.Manifest)
	}
	if err := o.Archive.Keys.Check(a.IsEncrypted(), "the base, or a delta,"); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// before returns the deltas that come before the one to be made, if its location names a place in
// a chain.
func (b *base) before(ctx context.Context, o *Options) ([]archive.Member, error) {
	chain, number, ok := archive.ParseDeltaPath(o.Location)
	if !ok {
		return nil, noPlace(ctx, o)
	}
	b.number = number
	if err := archive.MustBeOutside(ctx, o.Location); err != nil {
		return nil, err
	}
	if err := b.lockChain(ctx, o, chain); err != nil {
		return nil, err
	}
	members, err := archive.Chain(ctx, chain, o.Archive.Keys.Identities...)
	if err != nil {
		return nil, err
	}
	if len(members) >= number {
		if !o.Resume && members[number-1].Finished {
			return nil, fmt.Errorf("%w: %s is finished; the next delta of the chain is %s", archive.ErrExists, o.Location, archive.DeltaPath(chain, len(members)+1))
		}
		members = members[:number-1]
	}
	if n := len(members); n > 0 && !members[n-1].Finished {
		return nil, fmt.Errorf("%w: %s is not finished: resume it first", reader.ErrRefused, members[n-1].Location)
	}
	if len(members) < number-1 {
		return nil, fmt.Errorf("%w: %s would be delta %d, and the chain has %s: the next is %s", reader.ErrRefused, o.Location, number,
			progress.Plural(len(members), "delta", "deltas"), archive.DeltaPath(chain, len(members)+1))
	}
	return members, nil
}

// lockChain keeps other runs out of the chain, but for the shards of the same delta.
func (b *base) lockChain(ctx context.Context, o *Options, chain string) error {
	dir, err := storage.Create(ctx, chain, o.Archive.Storage)
	if err != nil {
		return refused(err, chain)
	}
	if o.Shard != nil {
		b.lock, err = dir.LockShard(strconv.Itoa(o.Shard.Index))
	} else {
		b.lock, err = dir.Lock()
	}
	return err
}

// noPlace refuses a location that is a chain, or in one under a name that none of its deltas has.
func noPlace(ctx context.Context, o *Options) error {
	chain, err := archive.ChainAt(ctx, o.Location)
	if chain == "" || err != nil {
		return err
	}
	members, err := archive.Locations(ctx, chain)
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: %s is no place for a delta of the chain %s: the next is %s", reader.ErrRefused, o.Location, chain, archive.DeltaPath(chain, len(members)+1))
}

// notInChain refuses a full dump at a place among deltas, which the chain could not be read past.
func notInChain(ctx context.Context, o *Options) error {
	chain, err := archive.ChainAt(ctx, o.Location)
	if chain == "" || err != nil {
		return nil // what cannot be looked at cannot be written to either, which is said then
	}
	first, err := archive.ReadMember(ctx, chain, 1, o.Archive.Keys.Identities...)
	if err != nil || first.Info.Delta == nil {
		return nil // full dumps may have such names, too
	}
	return fmt.Errorf("%w: %s is the place of a chain of deltas, and this would be a full dump: make a delta of it with --base, or give another --out", reader.ErrRefused, chain)
}

func (b *base) close() {
	for _, a := range b.dumps {
		a.Close()
	}
	if b.lock != nil {
		_ = b.lock.Unlock()
	}
}

// choose sets what is dumped to what the base is of. Who chooses something must choose that.
func (b *base) choose(s *Selection) error {
	o := &b.full.Options
	of := func(what string, is any) error {
		return exitcode.Usagef("%s: a delta has the keys that its base asked for, which are %v: leave it out", what, is)
	}
	switch {
	case o.Sample != 0 || o.LimitKeys != 0:
		return fmt.Errorf("%w: --base %s is a trial (--sample, --limit-keys), which does not have all keys: make a full dump", reader.ErrRefused, b.place)
	case s.isTrial():
		return exitcode.Usagef("--sample and --limit-keys do not go with --base: what is not looked at cannot be compared")
	case s.DBs != nil && !slices.Equal(s.DBs, o.Databases):
		return of("--db (or the number in --uri)", o.Databases)
	case s.Types != nil && !sameTypes(s.Types, o.Types):
		return of("--type", o.Types)
	case s.Match != "" && s.Match != o.Match:
		return of("--match", fmt.Sprintf("%q", o.Match))
	}
	s.DBs, s.Types = o.Databases, o.Types
	return s.SetMatch(o.Match)
}

func sameTypes(a, b []format.Type) bool {
	return !slices.ContainsFunc(a, func(t format.Type) bool { return !slices.Contains(b, t) }) &&
		!slices.ContainsFunc(b, func(t format.Type) bool { return !slices.Contains(a, t) })
}

// check refuses a source that cannot be compared with the base: options is what would be dumped
// of it.
func (b *base) check(s *reader.Scanner, options *format.Options) error {
	was, now := &b.last.Source, &s.Source().Source
	o := &b.full.Options
	switch {
	case !sameTypes(options.Types, o.Types):
		return fmt.Errorf("%w: --base has the types %v, of which this source lists %v: they cannot be compared", reader.ErrRefused, o.Types, options.Types)
	case options.Scan != o.Scan:
		return fmt.Errorf("%w: the keys of --base were listed by %s, and those of this source are by %s (--scan)", reader.ErrRefused, o.Scan, options.Scan)
	case b.other:
		return nil
	}
	err := was.Contradicts(now)
	if was.Address != now.Address {
		err = errors.New("its address was " + was.Address)
	}
	if err != nil {
		return fmt.Errorf("%w: --base %s is of another source than %s: %w; a delta makes a target equal to the source that it is made of: if that is what you want, "+
			"after a failover or a restore, give --other-source", reader.ErrRefused, b.place, now.Address, err)
	}
	return nil
}

// info returns what the delta is begun with.
func (b *base) info(tool string, source format.Source) format.Info {
	started := time.Now()
	d := format.Delta{
		Base: b.full.Dump, After: b.last.Dump, Number: b.number, Made: format.MadeByScan, From: b.last.Source.Binlog, To: source.Binlog,
		Until: started.Add(time.Duration(source.ClockDifference) * time.Millisecond),
	}
	if b.last.Delta != nil {
		d.From = b.last.Delta.To
	}
	return format.NewDelta(tool, started, source, b.full.Options, d)
}
