package pikasim

import (
	"math"
	"slices"
	"strings"

	"github.com/tidwall/redcon"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

var lastStreamID = format.StreamID{Ms: math.MaxUint64, Seq: math.MaxUint64}

// streamID reads ms-seq.
func (c *call) streamID(text string) format.StreamID {
	id, ok := format.ParseStreamID(text)
	if !ok {
		c.fail("ERR Invalid stream ID specified as stream ")
	}
	return id
}

// stream is entries by ID, with what XINFO STREAM tells. There are no groups.
type stream struct {
	entries []format.Entry
	last    format.StreamID
	first   format.StreamID // as recorded, see xdel
	deleted format.StreamID // the highest ID deleted
	added   int64
}

func (*stream) kind() kind  { return streamKind }
func (s *stream) size() int { return len(s.entries) }

// search is the place of the first entry not below an ID.
func (s *stream) search(id format.StreamID) (int, bool) {
	return slices.BinarySearchFunc(s.entries, id, func(e format.Entry, id format.StreamID) int { return e.ID.Compare(id) })
}

// xadd is XADD key [MAXLEN|MINID threshold] id|* field value ...
func xadd(c *call) {
	at := 2
	cut, trims := c.trimming(2)
	if trims {
		at = 4
	}
	s, found := read[stream](c)
	var id format.StreamID
	if c.str(at) != "*" {
		if id = c.streamID(c.str(at)); id.Compare(s.last) <= 0 {
			c.fail("ERR Invalid argument: INVALID ID given")
		}
	} else if id.Ms = max(uint64(c.server.opt.Clock().UnixMilli()), s.last.Ms); id.Ms == s.last.Ms {
		id.Seq = s.last.Seq + 1
	}
	if !found {
		c.db.put(streamKind, c.str(1), s)
	}
	if s.size() == 0 {
		s.first = id
	}
	s.entries = append(s.entries, format.Entry{ID: id, Fields: c.args[at+1:]})
	s.last = id
	s.added++
	cut(s)
	sent := slices.Clone(c.args)
	sent[at] = []byte(id.String())
	c.logs(sent)
	c.out.text(id.String())
}

// trimming reads MAXLEN n or MINID id from argument i on: what removes entries, and says how many.
func (c *call) trimming(i int) (cut func(*stream) int, found bool) {
	cut = func(*stream) int { return 0 }
	remove := func(s *stream, n int) int {
		if n = max(n, 0); n > 0 {
			s.deleted = s.entries[n-1].ID
			s.entries = slices.Delete(s.entries, 0, n)
			s.first = format.StreamID{}
			if s.size() > 0 {
				s.first = s.entries[0].ID
			}
		}
		return n
	}
	switch c.word(i) {
	case "maxlen":
		keep := c.number(i + 1)
		return func(s *stream) int { return remove(s, s.size()-int(min(keep, math.MaxInt32))) }, true
	case "minid":
		id := c.streamID(c.str(i + 1))
		return func(s *stream) int { n, _ := s.search(id); return remove(s, n) }, true
	}
	return cut, false
}

// xtrim is XTRIM key MAXLEN|MINID threshold.
func xtrim(c *call) {
	cut, found := c.trimming(2)
	if !found {
		c.fail(syntax)
	}
	s, _ := readSpelled[stream](c)
	c.out.integer(int64(cut(s)))
}

// xdel is XDEL key id ... When the last ID goes, Pika records the entry before
// it as the first one: XINFO STREAM showed so.
func xdel(c *call) {
	var ids []format.StreamID
	for i := 2; i < len(c.args); i++ {
		ids = append(ids, c.streamID(c.str(i)))
	}
	s, _ := readSpelled[stream](c)
	before := s.size()
	for _, id := range ids {
		if at, there := s.search(id); there {
			s.entries = slices.Delete(s.entries, at, at+1)
		}
	}
	for _, id := range ids {
		if id.Compare(s.deleted) > 0 {
			s.deleted = id
		}
		switch {
		case id != s.first && id != s.last:
		case s.size() == 0:
			s.first = format.StreamID{}
		case id == s.first:
			s.first = s.entries[0].ID
		default:
			s.first = s.entries[s.size()-1].ID
		}
	}
	c.out.integer(int64(before - s.size()))
}

func xlen(c *call) {
	s, found := readSpelled[stream](c)
	if !found {
		c.fail("ERR no such key")
	}
	c.out.integer(int64(s.size()))
}

// xrange is XRANGE key from to [COUNT n]; an ID after ( is left out.
func xrange(c *call) {
	from, to := c.streamBound(2), c.streamBound(3)
	limit := int64(math.MaxInt32)
	if len(c.args) == 6 {
		limit = c.number(5)
	}
	s, _ := readSpelled[stream](c)
	var list []format.Entry
	if from.id.Compare(to.id) <= 0 {
		i, hit := s.search(from.id)
		if hit && from.exclusive {
			i++
			limit-- // Pika counts it all the same
		}
		j, hit := s.search(to.id)
		if hit && !to.exclusive {
			j++
		}
		list = s.entries[i:max(i, j)]
	}
	list = list[:max(min(int64(len(list)), limit), 0)]
	c.out.array(len(list))
	for _, e := range list {
		c.out.list(e.ID.String(), e.Fields)
	}
}

// streamBound is one end of a range.
type streamBound struct {
	id        format.StreamID
	exclusive bool
}

func (c *call) streamBound(i int) streamBound {
	switch c.str(i) {
	case "-":
		return streamBound{}
	case "+":
		return streamBound{id: lastStreamID}
	}
	rest, exclusive := strings.CutPrefix(c.str(i), "(")
	return streamBound{c.streamID(rest), exclusive}
}

// xinfo is XINFO STREAM key. To the other forms Pika sends no reply or reads beyond its arguments.
func xinfo(c *call) {
	name := c.str(2)
	if other := c.db.clash(streamKind, name, c.now); other != noKind {
		c.failSpelled(name, streamKind, other)
	}
	// A stream emptied by XDEL is still told about.
	var s *stream
	if r := c.db.record(streamKind, name); r != nil {
		s, _ = r.value.(*stream)
	}
	if s == nil && c.db.buried[name] { // until a compaction
		s = new(stream)
	}
	if s == nil {
		c.fail("ERR no such key")
	}
	c.out.list("length", redcon.SimpleInt(s.size()), "last-generated-id", s.last.String(),
		"max-deleted-entry-id", s.deleted.String(), "entries-added", redcon.SimpleInt(s.added),
		"recorded-first-entry-id", s.first.String())
}
