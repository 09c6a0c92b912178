package rollback

import (
	"bytes"
	"context"
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/leftout"
	"github.com/pika2kvrocks/pika2kvrocks/internal/verify"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// judge says what becomes of the key that has been compared.
func (u *unit) judge(ctx context.Context, v *verify.Verdict) error {
	if err := u.passOut(ctx); err != nil {
		return err
	}
	k := u.asks[0]
	if u.asks = u.asks[1:]; !bytes.Equal(k.source, v.Key) {
		return fmt.Errorf("undo database %d: %q was compared, not %q", u.db, v.Key, k.source)
	}
	remove, err := u.decide(ctx, k, v)
	if remove {
		u.gone = append(u.gone, k)
	}
	return err
}

// decide reports whether a key is to be removed. One that was changed it lists.
func (u *unit) decide(ctx context.Context, k *keyState, v *verify.Verdict) (remove bool, err error) {
	refused := !u.leftOut.Empty() && u.leftOut.Holds(u.db, k.kind, k.source, nil)
	// Of a load that saved what it wrote over, or wrote over none, all as in the dump is its work.
	older := u.Target.OnExists == writer.Replace && u.saved == nil && !u.journal.WasEmpty() && (!k.begun || refused)
	switch {
	case v.Absent:
		return false, nil
	case !older && (v.Equal || v.Part && (!k.sure || refused)):
		return true, nil
	}
	left := &writer.LeftOut{DB: u.db, Kind: k.kind, Key: k.source, Reason: leftout.Changed, Reply: said(v)}
	if older {
		left.Reason, left.Reply = leftout.Older, "it is not known whether the load came to it before it was stopped"
	}
	return false, u.doubt(ctx, k, left)
}

func said(v *verify.Verdict) (text string) {
	for i, d := range v.Found {
		if i > 0 {
			text += "; "
		}
		text += string(d.Class) + ": " + d.Detail
	}
	return text
}

// A doubt is a key that is not as the load leaves it. It may be as it was before: the saved dump
// tells, which is gone through once, beside the loaded one, for both are in key order.
type doubt struct {
	*keyState
	left *writer.LeftOut // how it is listed if others have changed it; nil: it is only kept from being put back
}

// mostDoubts is how many keys are compared with the saved dump at once.
const mostDoubts = 200

// doubt adds a key to those that are compared with the saved dump.
func (u *unit) doubt(ctx context.Context, k *keyState, left *writer.LeftOut) error {
	if u.doubts = append(u.doubts, doubt{k, left}); len(u.doubts) < mostDoubts {
		return nil
	}
	return u.resolve(ctx)
}

// resolve says what becomes of the keys that are in doubt.
func (u *unit) resolve(ctx context.Context) error {
	is, err := u.areSaved(ctx)
	if err != nil {
		return err
	}
	for i, d := range u.doubts {
		switch {
		case is[i] == lacking, is[i] == unsaved && d.gone:
		case is[i] == asSaved:
			err = u.leave(u.db, d.key)
		case d.left != nil && u.Force:
			u.gone = append(u.gone, d.keyState)
		default:
			err = u.leave(u.db, d.key)
			if d.left != nil {
				u.report.Add("", *d.left)
			}
			if d.left != nil && d.left.Reason == leftout.Older {
				u.older.Add(1)
			}
		}
		if err != nil {
			return err
		}
	}
	clear(u.doubts)
	u.doubts = u.doubts[:0]
	return nil
}

// What a key in doubt is.
type savedState int

const (
	unsaved savedState = iota // it was not there before the load
	changed
	lacking // it is gone, or half put back by a run before: it is put back
	asSaved // it is as it was before the load, and is not touched
)

// areSaved compares the keys in doubt with what was saved. By what is as it was, a rollback that is
// run again goes on where it was: all keys are looked at again, for others may have written
// meanwhile, but only those are put back that are still lacking.
func (u *unit) areSaved(ctx context.Context) (is []savedState, err error) {
	is = make([]savedState, len(u.doubts))
	if u.saved == nil || len(u.doubts) == 0 {
		return is, nil
	}
	var asked []int // keys that were saved, and of which the answer has not come yet
	o := u.how
	o.Budget = nil // the comparison that this one interrupts may have all of it
	o.Name, o.Expire, o.LeftOut = nil, nil, nil
	o.Judge = func(v *verify.Verdict) error {
		i := asked[0]
		if asked = asked[1:]; !bytes.Equal(u.doubts[i].key, v.Key) {
			return fmt.Errorf("undo database %d: %q was compared with what was saved, not %q", u.db, v.Key, u.doubts[i].key)
		}
		is[i] = changed
		switch {
		case v.Equal:
			is[i] = asSaved
		case v.Absent || v.Part && u.again:
			is[i] = lacking
		}
		return nil
	}
	c := verify.NewChecker(u.aside, u.db, &o, &verify.Tally{})
	return is, c.CheckKeys(ctx, func(emit func(*format.Record) error) error {
		for i, d := range u.doubts {
			err := u.before.Find(d.key, func(r *format.Record) error {
				if r.Part&format.PartFirst != 0 {
					asked = append(asked, i)
				}
				return emit(r)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}
