package reader

import (
	"bytes"
	"fmt"
	"math/bits"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// A typeSet has a bit for each block of a typeTracker.
type typeSet uint8

// A typeTracker tells for which type SCAN listed a name: it lists the names of each type in byte
// order, one type after the other, without saying where one ends. The n-th listing of a name
// belongs to the first block, not before the current one, in which the name exists and is behind
// the block's last name.
//
// That is exact while nothing is written. While a type is created under a name of a later
// block, the border between two blocks can be taken for later than it is. So names that stand in
// several types are remembered as ambiguous until a name comes that stands in the current type
// alone; a later block gets those that it did not list by itself, in order.
type typeTracker struct {
	blocks  int
	at      int    // the current block
	last    []byte // the name listed last in it
	started bool

	ambiguous []ambiguous // from earlier blocks in order of names; of the current one behind fresh
	fresh     int
	next      int // of those before fresh: first that lies behind last
}

// ambiguous is a name that may have been listed for one of the blocks in may.
type ambiguous struct {
	name []byte
	may  typeSet
}

// maxAmbiguous is how many names are remembered: more do not come about within
// the short time between a listing and its reading.
const maxAmbiguous = 4096

// A lateName is a name that has to be read for a block that it was not taken for at first.
type lateName struct {
	at   int
	name []byte
}

// listed places a name that exists in the types of has. What is late comes before it.
func (pl *typeTracker) listed(name []byte, has typeSet) (at int, late []lateName, err error) {
	from := pl.first(name)
	if from >= pl.blocks {
		return 0, nil, changed(name, "behind its last type's keys")
	}
	rest := has >> from << from
	switch {
	case rest != 0:
		at = bits.TrailingZeros8(uint8(rest))
	case has != 0:
		return 0, nil, changed(name, "for a type whose keys it has listed")
	default: // gone
		at = from
	}
	late = pl.move(at, name)
	if later := has >> (at + 1) << (at + 1); later != 0 {
		pl.ambiguous = append(pl.ambiguous, ambiguous{bytes.Clone(name), later})
		if n := len(pl.ambiguous) - pl.fresh; n > maxAmbiguous {
			pl.ambiguous = slices.Delete(pl.ambiguous, pl.fresh, pl.fresh+n-maxAmbiguous)
		}
	} else if has != 0 {
		pl.ambiguous = pl.ambiguous[:pl.fresh]
	}
	return at, late, nil
}

// unread places a name that is not read.
func (pl *typeTracker) unread(name []byte) (at int, late []lateName, err error) {
	at = pl.first(name)
	if at >= pl.blocks {
		return 0, nil, changed(name, "behind its last type's keys")
	}
	return at, pl.move(at, name), nil
}

func (pl *typeTracker) finish() []lateName { return pl.leave(nil, pl.blocks) }

// first returns the first block that a name can be of.
func (pl *typeTracker) first(name []byte) int {
	if pl.started && bytes.Compare(name, pl.last) <= 0 {
		return pl.at + 1
	}
	return pl.at
}

// move goes on to name in block at.
func (pl *typeTracker) move(at int, name []byte) (late []lateName) {
	if at > pl.at {
		late = pl.leave(late, at)
	}
	for pl.next < pl.fresh {
		d := &pl.ambiguous[pl.next]
		n := bytes.Compare(d.name, name)
		if n > 0 {
			break
		}
		if n < 0 && d.may&(1<<at) != 0 {
			late = append(late, lateName{at, d.name})
		}
		pl.next++
	}
	pl.last, pl.started = append(pl.last[:0], name...), true
	return late
}

// leave ends the blocks before to, and says what each of them still has to get.
func (pl *typeTracker) leave(late []lateName, to int) []lateName {
	for pl.at < to {
		for _, d := range pl.ambiguous[pl.next:pl.fresh] {
			if d.may&(1<<pl.at) != 0 {
				late = append(late, lateName{pl.at, d.name})
			}
		}
		pl.at++
		for i := range pl.ambiguous {
			pl.ambiguous[i].may = pl.ambiguous[i].may >> pl.at << pl.at
		}
		pl.ambiguous = slices.DeleteFunc(pl.ambiguous, func(d ambiguous) bool { return d.may == 0 })
		// A name can be there from several blocks; what it may be grows no more, so the first will
		// do.
		slices.SortStableFunc(pl.ambiguous, func(a, b ambiguous) int { return bytes.Compare(a.name, b.name) })
		pl.ambiguous = slices.CompactFunc(pl.ambiguous, func(a, b ambiguous) bool { return bytes.Equal(a.name, b.name) })
		pl.fresh, pl.next = len(pl.ambiguous), 0
	}
	return late
}

// changed is the error for names that no order of types explains.
func changed(name []byte, why string) error {
	return fmt.Errorf("%w: SCAN lists %s %s: the source lost its place, or was changed too much meanwhile; dump again, into another directory", ErrUnavailable, resp.Quote(name), why)
}
