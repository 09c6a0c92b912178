package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/leftout"
	"github.com/pika2kvrocks/pika2kvrocks/internal/verify"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// A taker removes the keys of one unit that are as the load left them, which kvload verify tells: by type, every element
// and expiry.
type taker struct {
	*taking
	db      int
	src     *archive.UnitSource
	begun   bool  // the load may have sent something of the unit
	done    bool  // it has ended it
	reached int64 // else so many records
	number  int64 // of records that came
	asked   int64 // with --on-exists skip: up to which record it is known whether keys were there
	existed journal.Runs
	server  *readback       // compares with the dump
	aside   *readback       // compares with what was saved, meanwhile
	visitor *writer.Visitor // removes where the target cannot watch keys

	before *archive.Finder // in the saved dump; nil: there is none
	doubts []doubt         // keys that are still to be compared with it, in order

	open *trace   // the key whose last part has not come yet; nil: with it there is nothing to do
	asks []*trace // keys that are being compared, in order
	gone []*trace // keys to be removed
}

// A trace is what the load has done with a key.
type trace struct {
	kind   format.Kind
	source []byte // its name in the dump
	key    []byte // and on the target
	begun  bool   // the load is known to have written some of it
	sure   bool   // all of it
	out    bool   // the load has left it out: it is not compared with the dump
}

func (b *taking) taker(u archive.Unit) *taker {
	db, ju := u[0].DB, b.j.Unit(u[0].Name)
	asked, existed := ju.Asked()
	t := &taker{
		taking: b, db: db, src: b.a.OpenUnit(u), begun: ju.IsBegun(), done: ju.IsDone(), reached: ju.Position().Record, asked: asked, existed: existed,
		server: &readback{l: b.l, db: db, again: b.o.again(b.log), guard: true}, visitor: b.l.NewVisitor(db, b.o.again(b.log)),
	}
	if b.saved != nil {
		t.before = b.saved.Finder(db)
	}
	t.aside = &readback{l: b.l, db: db, again: b.o.again(b.log)}
	return t
}

func (t *taker) close() error {
	t.src.Close()
	if t.before != nil {
		t.before.Close()
	}
	return errors.Join(t.server.Close(), t.aside.Close(), t.visitor.Close())
}

// all removes the keys.
func (t *taker) all(ctx context.Context, u archive.Unit) error {
	if err := t.j.Unit(u[0].Name).CheckBound(u.SHA256()); err != nil {
		return err
	}
	if !t.begun {
		t.untouched.Add(1)
		if t.saved == nil {
			return nil
		}
	}
	o := t.options()
	o.Judge = func(v *verify.Verdict) error { return t.judge(ctx, v) }
	written := writtenKeys(func() (*format.Record, error) { return t.next(ctx) })
	if _, err := verify.NewChecker(settling{t}, t.db, &o, &verify.Tally{}).Check(ctx, written, nil, false); err != nil {
		return err
	}
	if err := t.passOut(ctx); err != nil {
		return err
	}
	for len(t.doubts)+len(t.gone) > 0 { // the one can make the other
		if err := t.resolve(ctx); err != nil {
			return err
		}
		if err := t.settle(ctx); err != nil {
			return err
		}
	}
	return nil
}

// A settling is the verify.Server of a taker. Before other keys are asked for, those are removed that were compared before:
// others have no more time to change one than it takes.
type settling struct{ *taker }

// Ask is of verify.Server.
func (s settling) Ask(ctx context.Context, qs []*verify.Question) error {
	if qs[0].Head { // else a key goes on, and all are still watched
		if err := s.settle(ctx); err != nil {
			return err
		}
	}
	return s.server.Ask(ctx, qs)
}

// Close is of verify.Server.
func (s settling) Close() error { return nil }

// writtenKeys are a verify.Source.
type writtenKeys func() (*format.Record, error)

func (next writtenKeys) Next() (*format.Record, error) { return next() }

// next returns the next record of a key that the load may have written.
func (t *taker) next(ctx context.Context) (*format.Record, error) {
	keep := t.o.filter.Key()
	for {
		r, err := t.src.Next()
		if err != nil {
			return nil, err
		}
		if keep != nil && !keep(r.Key) {
			continue
		}
		if r.Part&format.PartFirst != 0 {
			if t.open, err = t.begin(ctx, r); err != nil {
				return nil, err
			}
		}
		t.number++
		if t.open == nil {
			continue
		}
		if r.Part&format.PartLast != 0 {
			t.open.sure = t.done || t.number <= t.reached
		}
		return r, nil
	}
}

// begin makes a trace of a key, or returns nil for one that the load has not written.
func (t *taker) begin(ctx context.Context, r *format.Record) (*trace, error) {
	if t.o.writer.OnExists == writer.Skip && (t.existed.Has(t.number) || t.number >= t.asked) {
		return nil, nil // it was there before, or was never reached
	}
	name, out := t.rules.Rename(t.db, r.Kind, r.Key)
	if out != "" {
		return nil, nil
	}
	k := &trace{kind: r.Kind, source: bytes.Clone(r.Key), begun: t.done || t.number < t.reached}
	if k.key = k.source; name != nil {
		k.key = name
	}
	if !t.begun {
		return nil, t.leave(t.db, k.key) // what is there is of others, also if it is as in the dump
	}
	expire, short := t.rules.Expire(r.Expire)
	over := expire != 0 && expire <= t.rules.Began()
	if over || short || r.Kind == format.HyperLogLog && t.o.writer.HyperLogLog == writer.LeaveOut {
		k.out = true
		t.asks = append(t.asks, k)
		return nil, nil
	}
	t.asks = append(t.asks, k)
	return k, nil
}

// passOut passes over the keys that the load has left out, and that come before the next that is compared: where another one stands
// by now, it is not replaced by what was saved.
func (t *taker) passOut(ctx context.Context) error {
	for len(t.asks) > 0 && t.asks[0].out {
		k := t.asks[0]
		t.asks = t.asks[1:]
		if t.saved == nil {
			continue
		}
		if err := t.doubt(ctx, k, nil); err != nil {
			return err
		}
	}
	return nil
}

// judge says what becomes of the key that has been compared.
func (t *taker) judge(ctx context.Context, v *verify.Verdict) error {
	if err := t.passOut(ctx); err != nil {
		return err
	}
	k := t.asks[0]
	if t.asks = t.asks[1:]; !bytes.Equal(k.source, v.Key) {
		return fmt.Errorf("take back database %d: %q was compared, not %q", t.db, v.Key, k.source)
	}
	remove, err := t.decide(ctx, k, v)
	if remove {
		t.gone = append(t.gone, k)
	}
	return err
}

// decide reports whether a key is to be removed. One that was changed it lists.
func (t *taker) decide(ctx context.Context, k *trace, v *verify.Verdict) (remove bool, err error) {
	refused := !t.out.Empty() && t.out.Holds(t.db, k.kind, k.source, nil)
	// Of a load that did not write its keys over others, or saved them, every key that is as in the dump is its work.
	older := t.o.writer.OnExists == writer.Replace && t.saved == nil && !t.j.WasEmpty() && (!k.begun || refused)
	switch {
	case v.Absent:
		return false, nil
	case !older && (v.Equal || v.Part && (!k.sure || refused)):
		return true, nil
	}
	left := &writer.LeftOut{DB: t.db, Kind: k.kind, Key: k.source, Reason: leftout.Changed, Reply: said(v)}
	if older {
		left.Reason, left.Reply = leftout.Older, "it is not known whether the load came to it before it was stopped"
	}
	return false, t.doubt(ctx, k, left)
}

// said says in what a key differs.
func said(v *verify.Verdict) (text string) {
	for i, d := range v.Found {
		if i > 0 {
			text += "; "
		}
		text += string(d.Class) + ": " + d.Detail
	}
	return text
}

// settle removes the keys that were decided on. Where the target watches keys none of them is removed if one was written to since
// it was compared: then each is looked at once more, by itself.
func (t *taker) settle(ctx context.Context) error {
	gone := t.gone
	if t.gone = nil; len(gone) == 0 {
		return nil
	}
	names := make([][]byte, len(gone))
	for i, k := range gone {
		names[i] = k.key
	}
	done, err := true, error(nil)
	if t.server.guarded {
		done, err = t.server.remove(ctx, names)
	} else {
		err = t.visitor.Delete(ctx, names)
	}
	if err != nil {
		return err
	}
	if done {
		t.removed.Add(int64(len(gone)))
		return nil
	}
	for _, k := range gone {
		if err := t.alone(ctx, k); err != nil {
			return err
		}
	}
	return nil
}

// mostAlone is how many times a key is looked at that others write to whenever it is to be removed.
const mostAlone = 10

// alone compares one key and removes it, if it is as the load left it.
func (t *taker) alone(ctx context.Context, k *trace) error {
	for range mostAlone {
		remove := false
		o := t.options()
		o.Judge = func(v *verify.Verdict) (err error) {
			remove, err = t.decide(ctx, k, v)
			return err
		}
		c := verify.NewChecker(t.server, t.db, &o, &verify.Tally{})
		err := c.CheckKeys(ctx, func(emit func(*format.Record) error) error {
			return t.a.Find(t.db, k.source, func(r *format.Record) error {
				if r.Kind != k.kind {
					return nil
				}
				return emit(r)
			})
		})
		if err != nil || !remove {
			return err
		}
		done, err := t.server.remove(ctx, [][]byte{k.key})
		if err != nil {
			return err
		}
		if done {
			t.removed.Add(1)
			return nil
		}
	}
	_, err := t.decide(ctx, k, &verify.Verdict{Found: []verify.Difference{{Class: verify.WrongValue, Detail: "others write to it all the time"}}})
	return err
}
