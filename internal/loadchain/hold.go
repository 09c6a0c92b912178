package loadchain

import (
	"context"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// hold keeps other runs from loading and undoing deltas of the chain, and a base that is loaded,
// until release is called. Delta n has the manifest m; nil: there is none yet.
func (f *follower) hold(ctx context.Context, n int, m *format.Manifest) (err error) {
	if f.DryRun {
		return nil
	}
	if f.chain == nil && m != nil {
		o := f.member(m.Dump, n)
		l := o.Location()
		if f.chain, err = l.LockDeltas(ctx, l.Root(l.AsNode())); err != nil {
			return err
		}
	}
	if f.below != nil {
		return nil
	}
	base := ""
	if m != nil {
		base = m.Delta.Base
	} else if a, err := archive.Open(ctx, f.Base, 1, f.Keys.Identities...); err == nil {
		base = a.Manifest.Dump
		a.Close()
	} else {
		return nil // not known before there is a delta
	}
	before, err := f.base(ctx, base)
	if err != nil {
		return nil // what is wrong the load of the delta says
	}
	f.below, err = before.Location.LockDeltas(ctx, before.Root)
	return err
}

// base returns the load of the base, whose dump has an id.
func (f *follower) base(ctx context.Context, id string) (*loadstate.Before, error) {
	o := f.member("", 1)
	l := o.Location()
	return l.Before(ctx, id, f.Base, l.AsNode())
}

// release lets other runs in.
func (f *follower) release() {
	for _, lock := range []storage.Lock{f.chain, f.below} {
		if lock != nil {
			_ = lock.Unlock()
		}
	}
}
