package merge

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// sources are a base and the finished deltas that follow it.
type sources struct {
	base   *format.Info
	deltas []archive.Member
	rest   int // unfinished ones, or behind the last that is wanted
}

// sources finds out what is to be merged, and whether it goes together.
func (o *Options) sources(ctx context.Context) (*sources, error) {
	base, chain, out := summary.Place(o.Base), summary.Place(o.Chain), summary.Place(o.Out)
	switch is, err := archive.IsChain(ctx, o.Base); {
	case err != nil:
		return nil, err
	case is:
		return nil, exitcode.Usagef("%s is a chain of deltas, and no base: give the full dump first and the chain behind it, kvload merge BASE CHAIN --out DIR", base)
	}
	if in, _, ok := archive.ParseDeltaPath(o.Out); ok {
		switch is, err := archive.IsChain(ctx, in); {
		case err != nil:
			return nil, err
		case is:
			return nil, exitcode.Usagef("--out %s lies in a chain, where only its deltas go: give another directory", out)
		}
	}
	a, err := archive.Open(ctx, o.Base, 1, o.Archive.Keys.Identities...)
	if err != nil {
		return nil, fmt.Errorf("the base: %w", err)
	}
	a.Close()
	members, err := archive.ChainUpTo(ctx, o.Chain, o.Archive.Keys.Identities...)
	if err != nil {
		return nil, fmt.Errorf("the chain: %w", err)
	}
	s := &sources{base: &a.Manifest.Info}
	before := s.base
	for i := range members {
		if !members[i].Finished {
			s.rest++
			fmt.Fprintf(o.Log, "%s is not finished: it is not in the merged dump\n", summary.Place(members[i].Location))
			continue
		}
		if err := members[i].Info.Follows(before); err != nil {
			return nil, fmt.Errorf("%w: %s does not follow %s: %w", archive.NotBehind(&members[i].Info, before), summary.Place(members[i].Location), base, err)
		}
		s.deltas, before = append(s.deltas, members[i]), &members[i].Info
	}
	if len(s.deltas) == 0 {
		return nil, fmt.Errorf("%w: %s has no finished delta: %s is all that there is", exitcode.ErrRefused, chain, base)
	}
	return s, nil
}

// A begun is a merge that is at Out already, of the first deltas of the chain.
type begun struct {
	deltas   int
	finished bool
}

// begun looks what is at Out. Nil: nothing that Create would not refuse.
func (o *Options) begun(ctx context.Context, s *sources) (*begun, error) {
	dir, err := storage.Open(ctx, o.Out)
	if err != nil {
		return nil, nil // archive.Resume says what is wrong, if anything is
	}
	out := summary.Place(o.Out)
	if dir, err = encryption.Open(dir, o.Archive.Keys.Identities); err != nil {
		return nil, fmt.Errorf("--out %s holds a dump: %w", out, err)
	}
	in, err := archive.ReadInfo(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	finished, err := storage.Exists(dir, format.ManifestName)
	if err != nil {
		return nil, err
	}
	n := 1 + slices.IndexFunc(s.deltas, func(m archive.Member) bool { return in.Dump == format.MergedID(s.base.Dump, m.Info.Dump) })
	deltas := progress.Plural(n, "delta", "deltas")
	switch {
	case n == 0:
		return nil, fmt.Errorf("%w: %s holds another dump (%s): give another directory, or remove this one if it is not needed", archive.ErrExists, out, in.Dump)
	case finished && n < len(s.deltas):
		return nil, fmt.Errorf("%w: %s holds a finished merge of the first %s of the chain, which has more now: give another directory", archive.ErrExists, out, deltas)
	case !finished && in.Options.Scan != format.ScanRange: // chunks of such a dump cannot be taken up
		fmt.Fprintf(o.Log, "%s holds what a run that was stopped has left: it is made anew\n", out)
		return nil, archive.Discard(ctx, o.Out, o.Archive.Storage)
	case !finished && n < len(s.deltas):
		fmt.Fprintf(o.Log, "%s holds an unfinished merge of the first %s of the chain: that is finished, without those that came since\n", out, deltas)
	}
	return &begun{n, finished}, nil
}
