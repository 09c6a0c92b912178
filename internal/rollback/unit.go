package rollback

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/verify"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
	"github.com/pika2kvrocks/pika2kvrocks/writer/readback"
)

// A unit removes the keys of one unit of the dump that are as the load left them, which the
// comparison tells: by type, every element and expiry.
type unit struct {
	*undoing
	of      archive.Unit
	db      int
	src     *archive.UnitSource
	part    *progress.Counter
	counted int64 // bytes of src
	begun   bool  // the load may have sent something of it
	done    bool  // it has ended it
	reached int64 // else so many records
	number  int64 // of records that came
	asked   int64 // with --on-exists skip: up to which record it is known whether keys were there
	existed journal.Runs
	server  *readback.Client // compares with the dump, and removes
	aside   *readback.Client // compares with what was saved, meanwhile
	read    writer.Pipeline  // what was asked for since the target last rested

	before *archive.Finder // in the saved dump; nil: there is none
	doubts []doubt         // keys that are still to be compared with it, in order

	open *keyState   // the key whose last part has not come yet; nil: with it there is nothing to do
	asks []*keyState // keys that are being compared, in order
	gone []*keyState // keys to be removed
}

// A keyState is what the load has done with a key.
type keyState struct {
	kind   format.Kind
	source []byte // its name in the dump
	key    []byte // and on the target
	begun  bool   // the load is known to have written some of it
	sure   bool   // all of it
	out    bool   // the load has left it out: it is not compared with the dump
	gone   bool   // a delta has deleted it
}

func (b *undoing) unit(ctx context.Context, of archive.Unit) *unit {
	db, ju := of[0].DB, b.journal.Unit(of[0].Name)
	asked, existed := ju.Asked()
	connect := func() *readback.Client { return readback.New(b.target.Target, db, b.retry.Start().Wait) }
	u := &unit{
		undoing: b, of: of, db: db, src: b.dump.OpenUnit(of), part: b.part(of), begun: ju.IsBegun(), done: ju.IsDone(), reached: ju.Position().Record, asked: asked, existed: existed,
		server: connect(), aside: connect(),
	}
	u.src.Bound(ctx, b.giants)
	u.server.Guard()
	if b.saved != nil {
		u.before = b.saved.Finder(db)
	}
	return u
}

func (u *unit) close() error {
	u.src.Close()
	if u.before != nil {
		u.before.Close()
	}
	return errors.Join(u.server.Close(), u.aside.Close())
}

func (u *unit) run(ctx context.Context) error {
	if err := u.journal.Unit(u.of[0].Name).CheckBound(u.of.SHA256()); err != nil {
		return err
	}
	if !u.begun {
		u.untouched.Add(1)
		if u.saved == nil {
			u.part.AddEarlier(0, 0, u.of.Stored())
			return nil
		}
	}
	o := u.how
	o.Judge = func(v *verify.Verdict) error { return u.judge(ctx, v) }
	if _, err := verify.NewChecker(settling{u}, u.db, &o, &verify.Tally{}).Check(ctx, u, nil, false); err != nil {
		return err
	}
	if err := u.passOut(ctx); err != nil {
		return err
	}
	for len(u.doubts)+len(u.gone) > 0 { // the one can make the other
		if err := u.resolve(ctx); err != nil {
			return err
		}
		if err := u.settle(ctx); err != nil {
			return err
		}
	}
	return u.rest(ctx)
}

// A settling is the verify.Server of a unit. Before other keys are asked for, those are removed
// that were compared before: others have no more time to change one than it takes.
type settling struct{ *unit }

// rest lets the target rest for what was asked for, once those keys are removed.
func (u *unit) rest(ctx context.Context) error {
	if u.throttle == nil {
		return nil
	}
	done := u.read
	u.read = writer.Pipeline{}
	return u.throttle.Rest(ctx, done)
}

func (s settling) Ask(ctx context.Context, qs []*question.Question) error {
	if qs[0].Head { // else a key goes on, and all are still watched
		if err := s.settle(ctx); err != nil {
			return err
		}
		if err := s.rest(ctx); err != nil {
			return err
		}
	}
	began := time.Now()
	err := s.server.Ask(ctx, qs)
	load.Asked(&s.read, qs, began)
	return err
}

func (s settling) Close() error { return nil }

// Next returns the next record of a key that the load may have written: a unit is a verify.Source.
func (u *unit) Next() (*format.Record, error) {
	keep := u.Filter.Key()
	for {
		r, err := u.src.Next()
		now := u.src.Read()
		u.part.Add(0, 0, now-u.counted)
		u.counted = now
		if err != nil {
			return nil, err
		}
		u.part.Add(int64(r.Part&format.PartFirst), int64(len(r.Key)+r.Size()), 0)
		if r.Kind == format.Deleted || keep != nil && !keep(r.Key) {
			continue
		}
		if r.Part&format.PartFirst != 0 {
			if u.open, err = u.begin(r); err != nil {
				return nil, err
			}
		}
		u.number++
		if u.open == nil {
			continue
		}
		if r.Part&format.PartLast != 0 {
			u.open.sure = u.done || u.number <= u.reached
		}
		return r, nil
	}
}

// begin makes a keyState of a key, or returns nil for one that the load has not written.
func (u *unit) begin(r *format.Record) (*keyState, error) {
	if u.Target.OnExists == writer.Skip && (u.existed.Has(u.number) || u.number >= u.asked) {
		return nil, nil // it was there before, or was never reached
	}
	name, out := u.rules.Rename(u.db, r.Kind, r.Key)
	if out != "" {
		return nil, nil
	}
	k := &keyState{kind: r.Kind, source: bytes.Clone(r.Key), begun: u.done || u.number < u.reached}
	if k.key = k.source; name != nil {
		k.key = name
	}
	if !u.begun {
		return nil, u.leave(u.db, k.key) // what is there is of others, also if it is as in the dump
	}
	expire, short := u.rules.Expire(r.Expire)
	over := expire != 0 && expire <= u.rules.Began()
	if over || short || r.Kind == format.HyperLogLog && u.Target.HyperLogLog == writer.LeaveOut {
		k.out = true
		u.asks = append(u.asks, k)
		return nil, nil
	}
	u.asks = append(u.asks, k)
	return k, nil
}

// passOut passes over the keys that the load has left out, and that come before the next that is
// compared: where another one stands by now, it is not replaced by what was saved.
func (u *unit) passOut(ctx context.Context) error {
	for len(u.asks) > 0 && u.asks[0].out {
		k := u.asks[0]
		u.asks = u.asks[1:]
		if u.saved == nil {
			continue
		}
		if err := u.doubt(ctx, k, nil); err != nil {
			return err
		}
	}
	return nil
}

// settle removes the keys that were decided on. Where the target watches keys none of them is
// removed if one was written to since it was compared: then each is looked at once more, by itself.
func (u *unit) settle(ctx context.Context) error {
	gone := u.gone
	if u.gone = nil; len(gone) == 0 {
		return nil
	}
	names := make([][]byte, len(gone))
	for i, k := range gone {
		names[i] = k.key
	}
	if err := u.mark(); err != nil {
		return err
	}
	done, err := true, error(nil)
	if u.server.Watches() {
		done, err = u.server.DeleteWatched(ctx, names)
	} else {
		err = u.server.Delete(ctx, names)
	}
	if err != nil {
		return err
	}
	if done {
		u.removed.Add(int64(len(gone)))
		return nil
	}
	for _, k := range gone {
		if err := u.alone(ctx, k); err != nil {
			return err
		}
	}
	return nil
}

// mostAlone is how many times a key is looked at that others write to whenever it is to be removed.
const mostAlone = 10

// alone compares one key and removes it, if it is as the load left it.
func (u *unit) alone(ctx context.Context, k *keyState) error {
	for range mostAlone {
		remove := false
		o := u.how
		o.Budget = nil // the comparison that this one interrupts may have all of it
		o.Judge = func(v *verify.Verdict) (err error) {
			remove, err = u.decide(ctx, k, v)
			return err
		}
		c := verify.NewChecker(u.server, u.db, &o, &verify.Tally{})
		err := c.CheckKeys(ctx, func(emit func(*format.Record) error) error {
			return u.dump.Find(u.db, k.source, func(r *format.Record) error {
				if r.Kind != k.kind {
					return nil
				}
				return emit(r)
			})
		})
		if err != nil || !remove {
			return err
		}
		done, err := u.server.DeleteWatched(ctx, [][]byte{k.key})
		if err != nil {
			return err
		}
		if done {
			u.removed.Add(1)
			return nil
		}
	}
	_, err := u.decide(ctx, k, &verify.Verdict{Found: []verify.Difference{{Class: verify.WrongValue, Detail: "others write to it all the time"}}})
	return err
}
