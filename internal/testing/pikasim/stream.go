package pikasim

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// streamID is ms-seq.
type streamID struct{ ms, seq uint64 }

var lastStreamID = streamID{math.MaxUint64, math.MaxUint64}

func (id streamID) String() string {
	return strconv.FormatUint(id.ms, 10) + "-" + strconv.FormatUint(id.seq, 10)
}

func (id streamID) compare(to streamID) int {
	return cmp.Or(cmp.Compare(id.ms, to.ms), cmp.Compare(id.seq, to.seq))
}

// parseStreamID reads ms or ms-seq; without -seq it takes the one given.
func parseStreamID(s string, seq uint64) (id streamID, whole, ok bool) {
	ms, tail, whole := strings.Cut(s, "-")
	var err error
	if id.ms, err = strconv.ParseUint(ms, 10, 64); err != nil {
		return id, whole, false
	}
	id.seq = seq
	if whole {
		id.seq, err = strconv.ParseUint(tail, 10, 64)
	}
	return id, whole, err == nil
}

// stream is entries by ID, with what XINFO STREAM tells. There are no groups.
type stream struct {
	entries []streamEntry
	last    streamID
	first   streamID // as recorded, see xdel
	deleted streamID // the highest ID deleted
	added   int64
}

type streamEntry struct {
	id     streamID
	fields [][]byte
}

func (*stream) kind() kind  { return streamKind }
func (s *stream) size() int { return len(s.entries) }

// search is the place of the first entry not below an ID.
func (s *stream) search(id streamID) (int, bool) {
	return slices.BinarySearchFunc(s.entries, id, func(e streamEntry, id streamID) int { return e.id.compare(id) })
}

const badStreamID = "ERR Invalid stream ID specified as stream "

// xadd is XADD key [MAXLEN|MINID threshold] id|ms-*|* field value ...
func xadd(c *call) {
	at := 2
	cut, trims := c.trimming(2)
	if trims {
		at = 4
	}
	fields := c.args[min(at+1, len(c.args)):]
	if len(fields)%2 != 0 || len(fields) == 0 {
		c.fail(wrongNumber(c.name))
	}
	word := strings.TrimSuffix(c.str(at), "-*")
	auto := word == "*"
	id, whole, ok := parseStreamID(word, 0)
	if !auto && !ok {
		c.fail(badStreamID)
	}
	s, found := read[stream](c)
	if auto {
		id.ms = max(uint64(max(c.server.opt.Clock().UnixMilli(), 0)), s.last.ms)
	}
	switch {
	case whole && id == streamID{}:
		c.fail("ERR Invalid argument: The ID specified in XADD must be greater than 0-0")
	case whole && id.compare(s.last) <= 0:
		c.fail("ERR Invalid argument: INVALID ID given")
	case !whole && (id.ms < s.last.ms || id.ms == s.last.ms && s.last.seq == math.MaxUint64):
		c.fail("ERR Invalid argument: The ID specified in XADD is equal or smaller")
	case !whole && id.ms == s.last.ms:
		id.seq = s.last.seq + 1
	}
	if !found {
		c.db.put(streamKind, c.str(1), s)
	}
	if s.size() == 0 {
		s.first = id
	}
	s.entries = append(s.entries, streamEntry{id, fields})
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
	if i+1 >= len(c.args) {
		return cut, false
	}
	remove := func(s *stream, n int) int {
		if n = max(n, 0); n > 0 {
			s.deleted = s.entries[n-1].id
			s.entries = slices.Delete(s.entries, 0, n)
			s.first = streamID{}
			if s.size() > 0 {
				s.first = s.entries[0].id
			}
		}
		return n
	}
	switch c.word(i) {
	case "maxlen":
		keep := c.number(i + 1)
		return func(s *stream) int { return remove(s, s.size()-int(min(keep, math.MaxInt32))) }, true
	case "minid":
		id, _, ok := parseStreamID(c.str(i+1), 0)
		if !ok {
			c.fail(badStreamID)
		}
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
	var ids []streamID
	for i := 2; i < len(c.args); i++ {
		id, _, ok := parseStreamID(c.str(i), 0)
		if !ok {
			c.fail(badStreamID)
		}
		ids = append(ids, id)
	}
	s, _ := readSpelled[stream](c)
	before := s.size()
	for _, id := range ids {
		if at, there := s.search(id); there {
			s.entries = slices.Delete(s.entries, at, at+1)
		}
	}
	for _, id := range ids {
		if id.compare(s.deleted) > 0 {
			s.deleted = id
		}
		switch {
		case id != s.first && id != s.last:
		case s.size() == 0:
			s.first = streamID{}
		case id == s.first:
			s.first = s.entries[0].id
		default:
			s.first = s.entries[s.size()-1].id
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
	from, ok1 := parseBound(c.str(2), 0)
	to, ok2 := parseBound(c.str(3), math.MaxUint64)
	if !ok1 || !ok2 {
		c.fail(badStreamID)
	}
	limit := int64(math.MaxInt32)
	if len(c.args) == 6 {
		n, err := strconv.ParseInt(c.str(5), 10, 32)
		if err != nil {
			c.fail("ERR COUNT should be a integer greater than 0 and not bigger than INT32_MAX")
		}
		limit = n
	}
	s, _ := readSpelled[stream](c)
	var list []streamEntry
	if from.id.compare(to.id) <= 0 {
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
		c.out.array(2)
		c.out.text(e.id.String())
		c.out.array(len(e.fields))
		for _, b := range e.fields {
			c.out.bulk(b)
		}
	}
}

// streamBound is one end of a range.
type streamBound struct {
	id        streamID
	exclusive bool
}

func parseBound(s string, seq uint64) (b streamBound, ok bool) {
	switch s {
	case "-":
		return b, true
	case "+":
		b.id = lastStreamID
		return b, true
	}
	rest, exclusive := strings.CutPrefix(s, "(")
	b.exclusive = exclusive
	b.id, _, ok = parseStreamID(rest, seq)
	return b, ok
}

// xinfo is XINFO STREAM key. For the other forms Pika sends no reply or reads beyond its arguments.
func xinfo(c *call) {
	if c.word(1) != "stream" || len(c.args) != 3 {
		c.fail(syntax)
	}
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
	c.out.array(10)
	c.out.text("length")
	c.out.integer(int64(s.size()))
	c.out.text("last-generated-id")
	c.out.text(s.last.String())
	c.out.text("max-deleted-entry-id")
	c.out.text(s.deleted.String())
	c.out.text("entries-added")
	c.out.integer(s.added)
	c.out.text("recorded-first-entry-id")
	c.out.text(s.first.String())
}
