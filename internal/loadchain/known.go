package loadchain

import (
	"cmp"
	"context"
	"errors"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
)

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
