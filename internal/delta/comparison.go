package delta

import (
	"bytes"
	"math"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// A Comparison compares what a pass over the source finds with what a dump has of its range, both
// in key order, and writes the names that differ as deleted into a segment. That a key differs is
// said too often rather than too rarely: it is only read again. It is for one goroutine.
type Comparison struct {
	*archive.Segment // that it writes into
	base             *archive.Cursor
	skipped          []*archive.SkippedCursor  // of the dump and the deltas behind it
	several          []*archive.ConflictCursor // of them, too: names in several types
	now              func() int64
	listed           Listed
	done             func(Listed)

	begun bool
	rec   *format.Record // the dump's record at hand; nil: there is none left
	at    int            // the element in it, or the byte of a string
	key   []byte         // that the pass found last; nil: none yet
	there bool           // and that is there
	same  bool           // what has come of it is what the dump has
	last  []byte         // the name that was written last
}

// Listed counts what passes have found.
type Listed struct{ Permanent, Expiring, Expired, Skipped int64 }

// NewComparison returns a comparison of the pass that goes into seg with the keys of dumps, which
// are a dump, or what one and the deltas behind it amount to and each of them by itself. Now tells
// Unix ms by the source's clock: what has expired since is not missing, but where its name has
// other types: a target may hold only the one that has expired (kvload --on-conflict). Done is told
// what the pass has found when it has come to its end.
func NewComparison(dumps []*archive.Archive, db int, t format.Type, seg *archive.Segment, now func() int64, done func(Listed)) *Comparison {
	c := &Comparison{Segment: seg, base: dumps[0].Cursor(db, t), now: now, done: done}
	for _, a := range dumps {
		c.skipped = append(c.skipped, a.SkippedKeys(db, t, seg.Start()))
		c.several = append(c.several, a.ConflictsOf(db))
	}
	return c
}

// Discard throws away what was not kept, and closes the files of the dump. Behind Close it only
// does the latter.
func (c *Comparison) Discard() {
	c.base.Close()
	for _, s := range c.several {
		s.Close()
	}
	c.Segment.Discard()
}

// Record takes a key, or the next part of one.
func (c *Comparison) Record(r *format.Record) error {
	if r.Part&format.PartFirst != 0 {
		if r.Expire == 0 {
			c.listed.Permanent++
		} else {
			c.listed.Expiring++
		}
		forced, err := c.meet(r.Key)
		if err != nil {
			return err
		}
		b := c.rec
		c.at = 0
		c.same = !forced && b != nil && b.Part&format.PartFirst != 0 && bytes.Equal(b.Key, r.Key) && b.Kind == r.Kind && b.Expire == r.Expire
	}
	if c.same {
		var err error
		if c.same, err = c.equal(r); err != nil {
			return err
		}
	}
	if c.same {
		return nil
	}
	return c.differs(r.Key)
}

// Skip takes a key that was listed and is not read, or not wholly.
func (c *Comparison) Skip(key []byte, reason, detail string) error {
	c.listed.Skipped++
	if c.key == nil || !bytes.Equal(c.key, key) {
		forced, err := c.meet(key)
		if err != nil {
			return err
		}
		if reason == string(reader.DeletedOrExpired) && !forced { // if the dump has it, it is missing
			c.there = false
			return nil
		}
	}
	c.same = false
	if reason == string(reader.Unlisted) { // it begins the names of others
		return c.Segment.Skip(key, reason, detail)
	}
	return c.differs(key)
}

// Expire counts a key that expired before it was read: if the dump has it, it is missing.
func (c *Comparison) Expire() error {
	c.listed.Expired++
	return nil
}

// Drop takes back a key that changes while it is read.
func (c *Comparison) Drop(key []byte, _ string) error {
	c.same = false
	return c.differs(key)
}

// Close ends the pass before end, nil for the end of the keyspace, and the segment with it.
func (c *Comparison) Close(end []byte) error {
	err := c.reach(end, false)
	if err == nil {
		err = c.Segment.Close(end)
	}
	if err == nil {
		c.done(c.listed)
	}
	return err
}

// meet goes on to a key that the pass has found, and reports whether it is to be read whatever the
// dump has of it.
func (c *Comparison) meet(key []byte) (forced bool, err error) {
	if c.key != nil {
		if err := c.reach(c.key, true); err != nil {
			return false, err
		}
		if err := c.Covered(c.key); err != nil {
			return false, err
		}
	}
	if err := c.reach(key, false); err != nil {
		return false, err
	}
	c.key, c.there = keep(c.key, key), true
	for _, s := range c.skipped {
		forced = forced || s.At() != nil && bytes.Equal(s.At().Key, key)
	}
	return forced, nil
}

// reach goes past all that the dump has before a key, nil for the end of the keyspace, or with it.
// What the pass has not found is missing.
func (c *Comparison) reach(key []byte, with bool) error {
	if !c.begun {
		if err := c.begin(); err != nil {
			return err
		}
	}
	isPast := func(k []byte) bool {
		n := bytes.Compare(k, key)
		return key == nil && !with || n < 0 || n == 0 && with
	}
	for {
		var least *archive.SkippedCursor
		for _, s := range c.skipped {
			if k := s.At(); k != nil && isPast(k.Key) && (least == nil || bytes.Compare(k.Key, least.At().Key) < 0) {
				least = s
			}
		}
		b := c.rec
		var err error
		switch {
		case least != nil && (b == nil || bytes.Compare(least.At().Key, b.Key) <= 0):
			if err = c.differs(least.At().Key); err == nil {
				err = least.Next()
			}
		case b != nil && isPast(b.Key):
			if found := c.key != nil && c.there && bytes.Equal(c.key, b.Key); b.Part&format.PartFirst != 0 && !found {
				err = c.missing(b)
			}
			if err == nil {
				c.rec, err = c.base.Seek(nil)
			}
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// missing takes a key of the dump that the pass has not found.
func (c *Comparison) missing(b *format.Record) error {
	if b.Expire == 0 || b.Expire > c.now() {
		return c.differs(b.Key)
	}
	for _, s := range c.several {
		if has, err := s.Has(b.Key); err != nil {
			return err
		} else if has {
			return c.differs(b.Key)
		}
	}
	return nil
}

func (c *Comparison) begin() (err error) {
	c.begun = true
	for _, s := range c.skipped {
		if err := s.Next(); err != nil {
			return err
		}
	}
	c.rec, err = c.base.Seek(c.Start())
	return err
}

// keep returns a copy of a key, in the place of buf and never nil.
func keep(buf, key []byte) []byte {
	if buf = append(buf[:0], key...); buf == nil {
		return []byte{}
	}
	return buf
}

// differs writes a name, once.
func (c *Comparison) differs(key []byte) error {
	if c.last != nil && bytes.Equal(c.last, key) {
		return nil
	}
	c.last = keep(c.last, key)
	return c.Segment.Record(&format.Record{Kind: format.Deleted, Key: key, Part: format.PartWhole})
}

// equal reports whether the dump goes on as r does, and ends where r ends its key. The order of
// elements counts, in which a source shows them: that of their bytes (docs/SERVERS.md P2).
func (c *Comparison) equal(r *format.Record) (bool, error) {
	n := r.Length()
	for i := 0; i < n; {
		if c.at == c.rec.Length() {
			if more, err := c.more(); !more || err != nil {
				return false, err
			}
			continue
		}
		m := min(n-i, c.rec.Length()-c.at)
		if !alike(r, i, c.rec, c.at, m) {
			return false, nil
		}
		i, c.at = i+m, c.at+m
	}
	if r.Part&format.PartLast == 0 {
		return true, nil
	}
	for c.rec.Part&format.PartLast == 0 && c.at == c.rec.Length() {
		if more, err := c.more(); !more || err != nil {
			return false, err
		}
	}
	return c.at == c.rec.Length() && c.rec.Part&format.PartLast != 0 && sameState(r.State, c.rec.State), nil
}

// more goes to the dump's next part of the key.
func (c *Comparison) more() (is bool, err error) {
	if c.rec.Part&format.PartLast != 0 {
		return false, nil
	}
	c.rec, err = c.base.Seek(nil)
	c.at = 0
	return err == nil && c.rec != nil && c.rec.Part&format.PartFirst == 0, err
}

// alike reports whether n elements of a from i on are those of b from j on. Both are of one kind.
func alike(a *format.Record, i int, b *format.Record, j, n int) bool {
	switch a.Kind {
	case format.String, format.HyperLogLog:
		return bytes.Equal(a.Value[i:i+n], b.Value[j:j+n])
	case format.Hash:
		return slices.EqualFunc(a.Elems[2*i:2*(i+n)], b.Elems[2*j:2*(j+n)], bytes.Equal)
	case format.Stream:
		return slices.EqualFunc(a.Entries[i:i+n], b.Entries[j:j+n], func(x, y format.Entry) bool {
			return x.ID == y.ID && slices.EqualFunc(x.Fields, y.Fields, bytes.Equal)
		})
	case format.Zset:
		same := func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) }
		if !slices.EqualFunc(a.Scores[i:i+n], b.Scores[j:j+n], same) {
			return false
		}
	}
	return slices.EqualFunc(a.Elems[i:i+n], b.Elems[j:j+n], bytes.Equal)
}

// sameState compares the states of streams; of other kinds there is none.
func sameState(a, b *format.StreamState) bool { return a == b || a != nil && b != nil && *a == *b }
