package verify

import (
	"bytes"
	"math"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// compare holds an answer against what the dump has.
func (c *Checker) compare(it *item) {
	k, q := it.key, &it.Question
	if k.over() {
		return
	}
	if q.Type != "" {
		k.typ, k.unasked = q.Type, q.Unasked
		return
	}
	if q.Head || q.Tail && k.gotExpire == k.expire { // the first that differs counts
		k.gotExpire = q.Expire
	}
	if q.Tail {
		k.total = q.Total
	}
	if q.Changed != "" {
		k.alter(nil, "%s", q.Changed)
	}
	if q.Length {
		k.judgeTotals(q)
		return
	}
	if q.Total < 0 {
		k.extra += q.Extra
	}
	switch q.Kind {
	case format.List:
		compareList(k, it)
	case format.Hash, format.Set, format.Zset:
		c.compareMembers(k, it)
	case format.Stream:
		c.compareEntries(k, it)
	default:
		compareString(k, it)
	}
}

func compareString(k *key, it *item) {
	want, got := it.value, ""
	if len(it.Values) > 0 {
		got = it.Values[0]
	}
	if string(want) == got {
		k.found += int64(len(got))
		return
	}
	n := 0
	for n < len(got) && n < len(want) && got[n] == want[n] {
		n++
	}
	at := it.Offset + int64(n)
	switch {
	case n == len(want):
		k.alter(nil, "it goes on behind its %d bytes", at)
	case n == len(got):
		k.differ(WrongValue, nil, "it ends after %d bytes", at)
	default:
		k.alter(nil, "from byte %d on: %s, want %s", at, quoted(got[n:]), quoted(want[n:]))
	}
}

func compareList(k *key, it *item) {
	for i, want := range it.Elems {
		at := it.Offset + int64(i)
		switch {
		case i >= len(it.Values):
			k.differ(MissingElements, nil, "it ends after %s", progress.Plural(at, "element", "elements"))
		case string(want) != it.Values[i]:
			k.found++
			k.alter(nil, "element %d is %s, want %s", at, quoted(it.Values[i]), quoted(want))
		default:
			k.found++
		}
	}
}

// compareMembers compares fields, members, and members with their scores.
func (c *Checker) compareMembers(k *key, it *item) {
	for i, member := range it.Elems {
		if i >= len(it.Found) || !it.Found[i] {
			if c.isRefused(k, member, it, i) {
				k.differ(LeftOut, member, "%s", quoted(member))
			} else {
				k.differ(MissingElements, member, "%s", because(quoted(member), it.Unasked))
			}
			continue
		}
		k.found++
		switch it.Kind {
		case format.Hash:
			if string(it.values[i]) != it.Values[i] {
				k.alter(member, "field %s is %s, want %s", quoted(member), quoted(it.Values[i]), quoted(it.values[i]))
			}
		case format.Zset:
			c.compareScore(k, member, it.scores[i], it.Scores[i])
		}
	}
}

func because(text, reason string) string {
	if reason == "" {
		return text
	}
	return text + " (" + reason + ")"
}

func (c *Checker) compareScore(k *key, member []byte, want, got float64) {
	switch {
	case want == got && math.Signbit(want) == math.Signbit(got), math.IsNaN(want) && math.IsNaN(got):
	case want == 0 && got == 0 && math.Signbit(want) && c.o.NoZeroSign:
		k.differ(ZeroSign, member, "score of %s is 0, want -0", quoted(member))
	default:
		k.alter(member, "score of %s is %v, want %v", quoted(member), got, want)
	}
}

// isRefused reports whether the load cannot have brought a member, or says that it has not.
func (c *Checker) isRefused(k *key, member []byte, it *item, i int) bool {
	return it.Kind == format.Zset && c.o.Refuses != nil && c.o.Refuses(it.scores[i]) || c.leftOut(k, member)
}

func (c *Checker) compareEntries(k *key, it *item) {
	q := &it.Question
	truncated := len(q.IDs) > q.Entries
	k.unsure = k.unsure || truncated
	i := 0
	for j := range it.entries {
		e := &it.entries[j]
		for ; i < len(q.IDs) && q.IDs[i].Compare(e.ID) < 0; i++ {
			k.extra++
		}
		if i == len(q.IDs) && truncated {
			return // what comes behind has not been read
		}
		id := e.ID.String()
		if i == len(q.IDs) || q.IDs[i] != e.ID {
			class := MissingElements
			if c.leftOut(k, []byte(id)) {
				class = LeftOut
			}
			k.differ(class, []byte(id), "entry %s", id)
			continue
		}
		k.found++
		if !slices.EqualFunc(e.Fields, q.Fields[i], func(want []byte, got string) bool { return string(want) == got }) {
			k.alter([]byte(id), "entry %s holds %s", id, shownFields(q.Fields[i]))
		}
		i++
	}
	k.extra += int64(len(q.IDs) - i)
	if q.Tail && q.State != nil && k.state != nil {
		compareState(k, q.State)
	}
}

// compareState compares what a stream knows beside its entries. A load that was stopped has not
// brought all of it, but none that goes beyond what the dump has, or its entries by themselves: a
// target refuses counts that are below them.
func compareState(k *key, got *format.StreamState) {
	want, deleted := k.state, k.state.Deleted()
	k.altered = k.altered || want.LastID.Compare(got.LastID) < 0 || got.EntriesAdded > max(want.EntriesAdded, uint64(k.wanted)) ||
		k.wanted > 0 && deleted.Compare(got.MaxDeletedID) < 0
	if got.LastID != want.LastID {
		k.differ(WrongValue, nil, "its last id is %s, want %s", got.LastID, want.LastID)
	}
	if got.MaxDeletedID != deleted {
		k.differ(WrongValue, nil, "its largest deleted id is %s, want %s", got.MaxDeletedID, deleted)
	}
	if got.EntriesAdded != want.EntriesAdded {
		k.differ(WrongValue, nil, "%s added to it, want %s", progress.Plural(int64(got.EntriesAdded), "entry was", "entries were"), progress.Count(int64(want.EntriesAdded)))
	}
}

func shownFields(fields []string) string {
	var b bytes.Buffer
	for i, f := range fields {
		if i > 0 {
			b.WriteByte(' ')
		}
		if b.Len() > shownBytes {
			b.WriteString("…")
			break
		}
		b.WriteString(quoted(f))
	}
	return b.String()
}
