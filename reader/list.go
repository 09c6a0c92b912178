package reader

import (
	"hash/maphash"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// list reads by LRANGE, which goes straight to an offset however deep (SERVERS.md P12). What other
// clients push and pop moves the offsets between two pieces: so each begins with elements of the
// one before, and shows by them how far.
type list struct{}

func (list) kind() format.Kind { return format.List }

// A listPlace is how the next piece of a list is fitted to the one before.
type listPlace struct {
	window  []uint64 // hashes of the last elements that were had
	slack   int      // how many more are asked for before them
	misses  int      // pieces in a row without the window
	looks   bool     // the first piece, too, comes with a look at the length
	before  int64    // length of the list just before the piece at hand, and before the one before it; 0: not looked at
	length  int64
	pushed  int64    // elements that came before the window between the two
	unsure  bool     // the window was where it was expected, and elsewhere
	moved   bool     // elements may have been moved from behind the place to before it
	varied  bool     // not all elements so far are the same
	stepped int      // how far back that was
	hashes  []uint64 // of the piece at hand
}

const (
	listWindow = 16
	listSlack  = 16
	listMisses = 8
)

// elementSeed is of the hashes by which elements are known again.
var elementSeed = maphash.MakeSeed()

// overlap is how many elements before the place are asked for, and how long the window in them is:
// of few and large elements little.
func (pos *position) overlap(n int) (back int64, window []uint64) {
	window = pos.place.window
	window = window[len(window)-min(len(window), max(1, n/listWindow)):]
	return min(pos.count, int64(len(window)+min(pos.place.slack, n/2))), window
}

func (list) ask(b *resp.Batch, key []byte, pos *position, n int) {
	back, window := pos.overlap(n)
	if window != nil || pos.place.looks {
		b.Add("LLEN", key)
	}
	b.Add("LRANGE", key, pos.count-back, pos.count+int64(n)-1)
}

func (list) look(b *resp.Batch, key []byte, _ int) { b.Add("LLEN", key) }

// seen compares how many there are with how many were pushed since before the piece before. If
// there are fewer, others left behind the place: they may have been moved to the head, as RPOPLPUSH
// does.
func (list) seen(p *resp.Replies, pos *position) error {
	n, pl := p.Integer(), &pos.place
	length := pl.length
	pl.length = pl.before
	switch {
	case p.Err() != nil:
		return p.Err()
	case n == 0:
		return errGone
	case pl.unsure && n != length:
		return errChanged
	case pl.pushed > 0 && (length == 0 || n < length+pl.pushed):
		pl.moved = true
	}
	pl.unsure, pl.pushed = false, 0
	return nil
}

func (list) read(p *resp.Replies, pos *position, n int, r *format.Record) (bool, error) {
	from := len(r.Elems)
	back, window := pos.overlap(n)
	if window != nil || pos.place.looks {
		pos.place.before = p.Integer()
	}
	r.Elems = p.Bulks(r.Elems, 1)
	elems := r.Elems[from:]
	if len(elems) > n+int(back) {
		p.Odd("more elements than asked for")
	}
	if p.Err() != nil {
		return false, p.Err()
	}
	more := len(elems) == n+int(back)
	if pos.place.window == nil && !more { // it is whole
		return false, nil
	}
	behind, found := pos.fit(elems, window, int(back)-len(window))
	r.Elems = append(r.Elems[:from], elems[behind:]...)
	if found {
		pos.count += int64(len(elems)) - back
	}
	if !found || more && behind == len(elems) {
		return true, pos.miss(n)
	}
	pos.place.misses, pos.place.stepped = 0, 0
	return more, nil
}

// fit finds the window in elements, and returns how many end with it: all if it is not there. Where
// it is there twice, that place counts where it would be if nothing had been moved; whether nothing
// was the length tells (seen).
func (pos *position) fit(elems [][]byte, window []uint64, expected int) (behind int, found bool) {
	pl, k := &pos.place, len(window)
	pl.hashes = pl.hashes[:0]
	for _, e := range elems {
		pl.hashes = append(pl.hashes, maphash.Bytes(elementSeed, e))
	}
	places, at := 0, -1
	for j := 0; k > 0 && j+k <= len(elems); j++ {
		if slices.Equal(pl.hashes[j:j+k], window) {
			places++
			if at != expected {
				at = j
			}
		}
	}
	switch {
	case k == 0:
	case at < 0, places > 1 && pl.varied && at != expected:
		return len(elems), false
	default:
		behind = at + k
		shift := at - expected - pl.stepped
		pl.unsure = places > 1 && pl.varied
		pl.pushed += int64(max(0, shift))
		pl.slack = max(listSlack, 2*max(shift, -shift))
	}
	for _, h := range pl.hashes[behind:] {
		pl.varied = pl.varied || h != pl.hashes[0]
	}
	pl.window = append(pl.window[:0], pl.hashes[len(elems)-min(len(elems), listWindow):]...)
	return behind, true
}

// miss goes back by a piece: so far may elements have been popped before those that were had.
func (pos *position) miss(n int) error {
	pl := &pos.place
	if pl.misses++; pl.misses > listMisses || pos.count == 0 {
		return errChanged
	}
	step := min(pos.count, int64(n))
	pos.count -= step
	pl.stepped += int(step)
	return nil
}
