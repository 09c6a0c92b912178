package loadchain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
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
		if state, _, err := f.look(ctx, loaded+1); err == nil && state == stopped {
			what += fmt.Sprintf(", but a part of delta %d: what that has changed differs", loaded+1)
		}
		s.Summary.Instead = []string{"kvload load", "--in", chain, "--base", s.Base}
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

// Known reports whether deltas are loaded, one or those of a chain, and what the newest load is of
// that tells their flags: their own, or the one that they follow; nil: none is found.
func Known(ctx context.Context, s *load.Spec) (deltas bool, where string, id *journal.Identity, err error) {
	o := *s
	a, err := archive.OpenAny(ctx, s.Dump, 1, s.Keys.Identities...)
	switch {
	case err == nil && a.Manifest.Delta == nil:
		a.Close()
		return false, "", nil, nil
	case err == nil:
		a.Close()
		o.ID, o.Number = a.Manifest.Dump, a.Manifest.Delta.Number
	case !errors.Is(err, archive.ErrIncomplete):
		return false, "", nil, err
	default:
		f := follower{Options: load.Options{Spec: o}}
		n, err := f.position(ctx)
		state := missing
		if err == nil {
			state, a, err = f.look(ctx, max(1, n))
		}
		if err == nil && state == missing || errors.Is(err, loadstate.ErrUnfinished) {
			where, id = baseOf(ctx, s, "")
			return id != nil, where, id, nil
		}
		if err != nil {
			return false, "", nil, err
		}
		o = f.member(a.Manifest.Dump, max(1, n)).Spec
	}
	where, own, err := o.Location().Identity(ctx)
	before, notBefore := o.Location().Before(ctx, a.Manifest.Delta.After, o.Base, o.Location().AsNode())
	if err == nil && own.Dump == o.ID && (own.After == nil || notBefore != nil || own.After.Loaded.Equal(before.After(o.Number).Loaded)) {
		return true, where, &own, nil // the base was not loaded anew since
	}
	if notBefore != nil {
		if where = ""; a.Manifest.Delta.Number == 1 {
			where, id = baseOf(ctx, s, a.Manifest.Delta.Base)
		}
		return true, where, id, nil // what is wrong the load says
	}
	return true, before.Root, before.Identity(), nil
}

// baseOf returns what the load of the base is of, also if it has not ended; nil: none is found. An
// id that is not empty is that of the base.
func baseOf(ctx context.Context, s *load.Spec, id string) (string, *journal.Identity) {
	if id == "" && s.Base != "" {
		if a, err := archive.Open(ctx, s.Base, 1, s.Keys.Identities...); err == nil {
			id = a.Manifest.Dump
			a.Close()
		}
	}
	if id == "" || s.Base == "" && s.State == "" {
		return "", nil
	}
	l := s.Location()
	l.Dump, l.ID, l.Number = cmp.Or(s.Base, loadstate.Stream), id, 0
	where, own, err := l.Identity(ctx)
	if err != nil || own.Dump != id {
		return "", nil
	}
	return where, &own
}
