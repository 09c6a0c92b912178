package history

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// afterwards lets others write after the load.
func (w *writing) afterwards() {
	ctx := context.Background()
	got := holds(w.c)
	for range w.rng.IntN(4) {
		key := one(w.rng, w.keys()...)
		v := got[key]
		if v == nil || w.refused(v) || w.exempt[key] {
			continue
		}
		do := one(w.rng, "append", "delete", "retype", "expire", "group", "group", "xdel", "xdel", "other")
		var err error
		switch do {
		case "append":
			e := &value{kind: v.kind, elems: []element{w.element(v.kind, 10)}, text: w.text(10)}
			if v.kind == format.Stream {
				e.elems[0].name = "99999-1"
			}
			err = w.c.Do(ctx, e.commands(key)[0]...).Err()
		case "delete":
			err = w.c.Del(ctx, key).Err()
		case "retype":
			write(w.c, key, w.value(one(w.rng, kinds...), 2, 10))
		case "expire":
			err = w.c.Do(ctx, "PEXPIREAT", key, w.now+50_000_000).Err()
		case "group":
			if v.kind != format.Stream {
				continue
			}
			err = w.c.Do(ctx, "XGROUP", "CREATE", key, fmt.Sprint("workers", v.groups), "$").Err()
		case "xdel":
			if v.kind != format.Stream || len(v.elems) < 2 {
				continue
			}
			err = w.c.Do(ctx, "XDEL", key, v.elems[len(v.elems)-1].name).Err()
			w.blind[key] = true
		case "other":
			w.other(fmt.Sprint("afterwards", w.rng.IntN(100)))
			continue
		}
		w.must(err)
		w.tell("afterwards others %s %q", do, key)
		got = holds(w.c)
	}
}

// rollback takes the load back and judges that.
func (w *writing) rollback(finished bool) {
	w.events = nil
	for range w.rng.IntN(3) {
		w.events = append(w.events, &stroke{nth: w.seen[""] + 1 + w.rng.IntN(2*len(w.dump)), do: one(w.rng, "cut", "kill", "kill after")})
	}
	before, begun, wrote := holds(w.c), w.begun(), maps.Clone(w.wrote)
	flags := slices.Clone(w.flags)
	code := w.until("rollback", flags...)
	if code == exitRefused && len(wrote) == 0 { // it was killed before it began
		code = 0
	}
	if code != 0 && code != 3 && !(code == exitDifferent && w.mute) {
		w.broken("kvload rollback ended with %d: %s", code, tail(w.tool.stderr.String(), 400))
		return
	}
	listed := map[string]bool{}
	for _, l := range readLines[left](w.history, w.beside("changed.jsonl")) {
		listed[string(l.Key)] = true
	}
	if (code == 3) != (len(listed) > 0) && code != exitDifferent {
		w.broken("kvload rollback ended with %d, but %d keys are listed", code, len(listed))
	}
	got := holds(w.c)
	for _, key := range w.keys() {
		v, b, a, p := w.dump[key], before[key], got[key], w.prior[key]
		delete(got, key)
		var back *value // what a rollback leaves
		if w.undo {
			back = p
		}
		same := func(x *value) bool { return a == nil && x == nil || a != nil && a.equal(x) }
		left := same(b)
		why := ""
		switch {
		case !begun[w.unit[key]]:
			if !left {
				why = "the load never began its unit"
			}
		case w.exempt[key]:
		case w.refused(v) && a == nil: // the rest of it was loaded
		case w.over(v) || w.policy == "skip" && p != nil || w.refused(v):
			if !left && !(w.undo && same(p)) {
				why = "the load did not write it"
			}
		case b == nil:
			if a != nil && !same(back) {
				why = "it was not there"
			}
		case b.equal(v) && finished:
			if !same(back) {
				why = fmt.Sprintf("it was as the load left it, and should be %v", back)
			}
		case b.equal(v), !finished && wrote[key] && partOf(b, v):
			if !same(back) && !(left && (listed[key] || !wrote[key])) {
				why = fmt.Sprintf("it was as the unfinished load left it, and should be %v", back)
			}
		case !left:
			why = "others have changed it since"
		case wrote[key] && !listed[key] && !(w.undo && b.equal(p)):
			why = "others have changed it since, and it is not listed"
		}
		if why != "" {
			w.broken("%q (dump %v): %s; it was %v,\nand is %v", key, v, why, b, a)
		}
	}
	w.foreign(got, "the rollback")
}

// partOf reports whether b is a part of v.
func partOf(b, v *value) bool {
	if b.kind != v.kind || b.kind == format.String {
		return b.kind == v.kind && strings.HasPrefix(v.text, b.text)
	}
	for _, e := range b.elems {
		if !slices.Contains(v.elems, e) {
			return false
		}
	}
	return true
}
