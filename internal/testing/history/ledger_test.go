package history

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// An id names a key: up to Pika 3.5 a name has a value of each type.
type id struct {
	kind format.Kind
	name string
}

func (i id) String() string { return fmt.Sprintf("%s %q", i.kind, i.name) }

// A moment is from when on a key was so.
type moment struct {
	at int    // the number of the event
	v  *value // nil: it is not there
}

// A ledger knows what happened to every key.
type ledger struct {
	at   int // events so far
	keys map[id][]moment
}

func newLedger() *ledger { return &ledger{keys: map[id][]moment{}} }

// put notes what a key holds from now on.
func (l *ledger) put(i id, v *value) {
	l.at++
	l.keys[i] = append(l.keys[i], moment{l.at, v})
}

// now returns what a key holds.
func (l *ledger) now(i id) *value {
	m := l.keys[i]
	if len(m) == 0 {
		return nil
	}
	return m[len(m)-1].v
}

// pass lets time pass: what has expired is gone.
func (l *ledger) pass(over func(expire int64) bool) {
	for _, i := range l.ids() {
		if v := l.now(i); v != nil && v.expire != 0 && over(v.expire) {
			l.put(i, nil)
		}
	}
}

// ids returns all keys that ever were, in order.
func (l *ledger) ids() []id {
	ids := make([]id, 0, len(l.keys))
	for i := range l.keys {
		ids = append(ids, i)
	}
	slices.SortFunc(ids, func(a, b id) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.kind, b.kind))
	})
	return ids
}

// since returns what a key was from one event on.
func (l *ledger) since(i id, at int) []moment {
	all := l.keys[i]
	from := 0
	for from+1 < len(all) && all[from+1].at <= at {
		from++
	}
	if len(all) == 0 {
		return []moment{{}}
	}
	if all[from].at > at { // it came later
		return append([]moment{{}}, all[from:]...)
	}
	return all[from:]
}

// A judgement of what a dump says of a key, or does not say: empty if that may be.
func judge(what []moment, got *value, listed, unknown bool) string {
	steady, gone := len(what) == 1, slices.ContainsFunc(what, func(m moment) bool { return m.v == nil })
	first := what[0].v
	switch {
	case steady && first == nil && got != nil:
		return "was never there while it was dumped, but is in the dump"
	case steady && first == nil:
		return "" // listed or not
	case got == nil && listed, got == nil && gone:
		return ""
	case got == nil:
		return "is neither in the dump nor listed, and was there all the time"
	case steady && got.equal(first):
		return ""
	case steady && unknown && got.same(first): // its own expiry could not be read (SERVERS.md P5)
		return ""
	case steady:
		return fmt.Sprintf("never changed from %v,\nbut is in the dump as %v%s", first, got, differs(first, got))
	}
	// Of one that changed: as it was at some moment, or read in pieces while it did.
	why := "is in the dump, but was not there"
	unknown = unknown || !on("pairing") && got.expire == 0
	for _, life := range lives(what) {
		if why = inLife(life, got, unknown); why == "" {
			return ""
		}
	}
	return fmt.Sprintf("%s,\nbut is in the dump as %v", why, got)
}

// lives cuts moments where the key was not there.
func lives(what []moment) (lives [][]*value) {
	fresh := true
	for _, m := range what {
		if m.v == nil {
			fresh = true
			continue
		}
		if fresh {
			lives, fresh = append(lives, nil), false
		}
		lives[len(lives)-1] = append(lives[len(lives)-1], m.v)
	}
	return lives
}

// inLife tells why got cannot have been read in a life.
func inLife(life []*value, got *value, unknown bool) string {
	first := life[0]
	if got.kind == format.String {
		for _, v := range life {
			if v.text == got.text && (v.expire == got.expire || unknown) {
				return ""
			}
		}
		return fmt.Sprintf("was %v first, and never with this value and expiry at a time", first)
	}
	if !unknown && !slices.ContainsFunc(life, func(v *value) bool { return v.expire == got.expire }) {
		return fmt.Sprintf("never had this expiry (first: %v)", first)
	}
	had := map[element]bool{} // ever
	for _, v := range life {
		for _, e := range v.elems {
			had[e] = true
		}
	}
	stayed := map[string]bool{}
	for _, e := range first.elems {
		stayed[first.key(e)] = true
	}
	for _, v := range life {
		here := map[string]bool{}
		for _, e := range v.elems {
			here[v.key(e)] = true
		}
		for k := range stayed {
			if !here[k] {
				delete(stayed, k)
			}
		}
	}
	last := ""
	seen := map[string]bool{}
	for _, e := range got.elems {
		k := got.key(e)
		switch {
		case !had[e]:
			return fmt.Sprintf("never had %.60q", e)
		case seen[k]:
			return fmt.Sprintf("never had %.60q twice", k)
		case got.ordered() && before(life, k, last):
			return fmt.Sprintf("never had %.60q behind %.60q", k, last)
		}
		seen[k], last = true, k
	}
	for k := range stayed {
		if !seen[k] {
			return fmt.Sprintf("had %.60q all the time (%d of %d elements that stayed are in the dump)", k, len(seen), len(stayed))
		}
	}
	return ""
}

// before reports whether some value of a life has k before last.
func before(life []*value, k, last string) bool {
	for _, v := range life {
		at := func(k string) int { return slices.IndexFunc(v.elems, func(e element) bool { return v.key(e) == k }) }
		if i, j := at(k), at(last); i >= 0 && j >= 0 && i < j {
			return true
		}
	}
	return false
}

// differs says how many elements two values have in common.
func differs(a, b *value) string {
	if a.kind != b.kind || len(a.elems) == 0 {
		return ""
	}
	common := 0
	for _, e := range a.elems {
		if slices.Contains(b.elems, e) {
			common++
		}
	}
	return fmt.Sprintf(" (%d elements in common)", common)
}
