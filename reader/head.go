package reader

import (
	"hash/maphash"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// mostHead is how many elements at the head of a hash, set or zset are looked at behind a piece.
const mostHead = 64

// headOf is how many that are behind a piece of n elements.
func headOf(n int) int { return max(1, min(mostHead, n/8)) }

// had notes the head of a key by its first piece.
func (pos *position) had(r *format.Record) {
	switch r.Kind {
	case format.Hash:
		pos.hashHead(r.Elems, 2)
	case format.Set, format.Zset:
		pos.hashHead(r.Elems, 1)
	}
}

// hashHead makes the head of members that come in steps.
func (pos *position) hashHead(members [][]byte, step int) {
	pos.head = pos.head[:0]
	for i := 0; i < len(members) && len(pos.head) < mostHead; i += step {
		pos.head = append(pos.head, maphash.Bytes(elementSeed, members[i]))
	}
}

// sameHead takes the reply to a look at the head of a key, whose elements come in steps. The head
// is compared with that of the look before: a key that was deleted and made anew has none of its
// elements. Elements that leave at the head, as those of a queue do, leave by and by, so that some
// stay from one look to the next.
func (pos *position) sameHead(p *resp.Replies, t format.Type, step int) error {
	q := *p
	switch ok := holdsType(p, t); {
	case p.Err() != nil:
		return p.Err()
	case !ok:
		return errGone
	}
	_, members := q.Page(nil, step)
	if q.Err() != nil {
		return q.Err()
	}
	before := slices.Clone(pos.head)
	pos.hashHead(members, step)
	if !slices.ContainsFunc(pos.head, func(h uint64) bool { return slices.Contains(before, h) }) {
		pos.anew = true
	}
	return nil
}
