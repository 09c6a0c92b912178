package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
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
	existed journal.Numbers
	server  *readback
	visitor *writer.Visitor

	before *archive.Finder // in the saved dump; nil: there is none
	doubts []doubt         // keys that are still to be compared with it, in order

	open *trace   // the key whose last part has not come yet; nil: with it there is nothing to do
	asks []*trace // keys that are being compared, in order
	gone [][]byte // keys to be removed
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
		server: &readback{l: b.l, db: db, again: b.o.again(b.log)}, visitor: b.l.NewVisitor(db, b.o.again(b.log)),
	}
	if b.saved != nil {
		t.before = b.saved.Finder(db)
	}
	return t
}

func (t *taker) close() error {
	t.src.Close()
	if t.before != nil {
		t.before.Close()
	}
	return errors.Join(t.server.Close(), t.visitor.Close())
}

// all removes the keys.
func (t *taker) all(ctx context.Context, u archive.Unit) error {
	if err := t.j.Unit(u[0].Name).WasOf(u.SHA256()); err != nil {
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
	if _, err := verify.NewChecker(t.server, t.db, &o, &verify.Tally{}).Check(ctx, written, nil, false); err != nil {
		return err
	}
	if err := t.passOut(ctx); err != nil {
		return err
	}
	if err := t.resolve(ctx); err != nil {
		return err
	}
	return t.remove(ctx)
}

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
	name, out := t.cs.rename(t.db, r.Kind, r.Key)
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
	expire, short := t.o.ttl.of(r.Expire)
	over := expire != 0 && expire <= t.o.ttl.now
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
	refused := !t.out.Empty() && t.out.Holds(t.db, k.kind, k.source, nil)
	// Of a load that did not write its keys over others, or saved them, every key that is as in the dump is its work.
	older := t.o.writer.OnExists == writer.Replace && t.saved == nil && !t.j.WasEmpty() && (!k.begun || refused)
	switch {
	case v.Absent:
		return nil
	case !older && (v.Equal || v.Part && (!k.sure || refused)):
		return t.take(ctx, k)
	}
	left := &writer.LeftOut{DB: t.db, Kind: k.kind, Key: k.source, Reason: "changed", Reply: said(v)}
	if older {
		left.Reason, left.Reply = reasonOlder, "it is not known whether the load came to it before it was stopped"
	}
	return t.doubt(ctx, k, left)
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

// take adds a key to those to be removed.
func (t *taker) take(ctx context.Context, k *trace) error {
	if t.gone = append(t.gone, k.key); len(t.gone) < lookAt {
		return nil
	}
	return t.remove(ctx)
}

// remove removes what was taken. It counts what was there.
func (t *taker) remove(ctx context.Context) error {
	err := t.visitor.Delete(ctx, t.gone)
	if err == nil {
		t.removed.Add(int64(len(t.gone)))
	}
	t.gone = t.gone[:0]
	return err
}
