package loadchain

import (
	"context"
	"fmt"
	"io"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// Open opens what a base and the deltas of a chain amount to that are loaded into a target: by the
// journals, or all, where none is known. The spec is then of the load of the base; last is where
// the state of the delta is that was loaded last, or of the base; more are not loaded.
func Open(ctx context.Context, s *load.Spec, log io.Writer) (_ *archive.Archive, _ *rewrite.Rules, last loadstate.Location, more int, err error) {
	chain := s.Dump
	members, err := archive.Chain(ctx, chain, s.Keys.Identities...)
	if err != nil {
		return nil, nil, last, 0, err
	}
	all := 0
	for _, m := range members {
		if m.Finished {
			all++
		}
	}
	if all == 0 {
		return nil, nil, last, 0, fmt.Errorf("%w in %s: no delta of the chain is finished", archive.ErrIncomplete, summary.Place(chain))
	}
	first := members[0].Info.Delta
	f := follower{Options: load.Options{Spec: *s}}
	loaded, err := f.position(ctx)
	if err != nil {
		return nil, nil, last, 0, err
	}
	known := loaded > 0 || !f.loaded.IsZero()
	if !known {
		loaded = all
	}
	if s.Base = f.Base; s.Base == "" {
		return nil, nil, last, 0, fmt.Errorf("%w: a chain is compared together with its base, dump %s: say with --base where that lies", exitcode.ErrRefused, first.Base)
	}
	a, err := load.OpenChain(ctx, s.Base, chain, loaded, s.Workers, s.Keys)
	if err != nil {
		return nil, nil, last, 0, err
	}
	defer func() {
		if err != nil {
			a.Close()
		}
	}()
	if a.Manifest.Dump != first.Base {
		return nil, nil, last, 0, fmt.Errorf("%w: --base %s is dump %s, and the base of this chain is dump %s", exitcode.ErrRefused, summary.Place(s.Base), a.Manifest.Dump, first.Base)
	}
	what := fmt.Sprintf("the base and %s", progress.Plural(loaded, "delta", "deltas"))
	switch more = all - loaded; {
	case more > 0:
		what += fmt.Sprintf("; %d more of the chain are not loaded, by the journals", more)
		s.Summary.Instead = []string{"kvload load", "--in", chain, "--base", s.Base}
		if _, j, err := f.open(ctx, loaded+1); err == nil && j != nil && j.IsUndoing() && j.Undone().IsZero() {
			what += fmt.Sprintf(", and delta %d is undone in part: what that had changed differs", loaded+1)
			s.Summary.Instead = []string{undo, "--in", chain}
		} else if state, _, err := f.look(ctx, loaded+1); err == nil && state == stopped {
			what += fmt.Sprintf(", but a part of delta %d: what that has changed differs", loaded+1)
		}
	case !known:
		what += ", all that are there: no journal tells which are loaded"
	}
	fmt.Fprintln(log, "compared are "+what)
	s.Dump = s.Base
	rules, err := s.OpenWith(ctx, a)
	if err != nil {
		return nil, nil, last, 0, err
	}
	s.Summary.Note("compared are " + what)
	if last = s.Location(); f.done != nil {
		o := f.member(f.done.Dump, loaded)
		last = o.Location()
	}
	return a, rules, last, more, sayLacks(ctx, s, chain, loaded, log)
}
