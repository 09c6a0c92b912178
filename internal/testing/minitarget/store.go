package minitarget

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// A store is what RocksDB holds of the keys that came by write batches: a row of metadata for each,
// and its subkeys, of all versions. Subkeys stay when a key is deleted or gets another version, as
// they do on a Kvrocks until it compacts.
type store struct {
	heads  map[name]head
	subs   map[place]map[string]string
	faults []string
}

// apply writes rows, and returns the keys of which something is seen that was not before.
func (s *store) apply(rows []row) map[name]bool {
	touched, places := map[name]bool{}, map[place]bool{}
	for _, r := range rows {
		if r.family == metadata {
			if n, ok := parseName(r.key); ok {
				s.setHead(n, r)
				touched[n] = true
			} else {
				s.faultf("no name of a key in metadata %q", r.key)
			}
			continue
		}
		p, sub, ok := parseSubkey(r.family, r.key)
		switch {
		case !ok:
			s.faultf("no subkey in column family %d: %q", r.family, r.key)
			continue
		case r.deleted:
			delete(s.subs[p], sub)
		default:
			if s.subs[p] == nil {
				s.subs[p] = map[string]string{}
			}
			s.subs[p][sub] = r.value
		}
		places[p] = true
	}
	for p := range places {
		if h, ok := s.heads[p.name]; ok && h.version == p.version {
			touched[p.name] = true
		}
	}
	return touched
}

func (s *store) setHead(n name, r row) {
	h, ok := parseHead(r.value)
	switch {
	case r.deleted:
		delete(s.heads, n)
	case !ok:
		s.faultf("key %q: no metadata is %q", n.key, r.value)
		delete(s.heads, n)
	default:
		s.heads[n] = h
	}
}

// faultf notes what a real Kvrocks takes without a word, and answers wrong from then on.
func (s *store) faultf(format string, args ...any) {
	s.faults = append(s.faults, fmt.Sprintf(format, args...))
}

// A content is all of a key, as commands show it.
type content struct {
	fields  map[string]string  // of a hash
	members []string           // of a set or a list, in order
	scores  map[string]float64 // of a zset
	ids     []string           // of a stream
	entries [][]string         // fields and values of each
}

// content gathers the elements of a key. What contradicts itself is a fault.
func (s *store) content(n name, h head) (c content, size int) {
	at := func(family byte) map[string]string { return s.subs[place{family, n, h.version}] }
	rows := at(subkeys)
	switch h.kind {
	case typeHash:
		c.fields, size = rows, len(rows)
	case typeSet:
		c.members, size = slices.Sorted(maps.Keys(rows)), len(rows)
	case typeList:
		for i := h.first; i != h.end && len(c.members) <= len(rows); i++ {
			v, ok := rows[numberBytes(i)]
			if !ok {
				s.faultf("list %q: nothing at index %x", n.key, i)
				break
			}
			c.members = append(c.members, v)
		}
		size = len(c.members)
	case typeZset:
		c.scores, size = s.scores(n, rows, at(scores)), len(rows)
	case typeStream:
		rows = at(entries)
		for _, sub := range slices.Sorted(maps.Keys(rows)) {
			cur := cursor{rest: sub}
			i := cur.id()
			if cur.rest != "" {
				continue // of a consumer group
			}
			fields, ok := parseEntry(rows[sub])
			if cur.bad || !ok {
				s.faultf("stream %q: no entry is %q: %q", n.key, sub, rows[sub])
				continue
			}
			c.ids, c.entries = append(c.ids, i.String()), append(c.entries, fields)
		}
		size = len(c.ids)
	}
	return c, size
}

// scores gathers the members of a zset, whose scores are in two column families.
func (s *store) scores(n name, rows, byScore map[string]string) map[string]float64 {
	all := map[string]float64{}
	for member, value := range rows {
		score, ok := parseScore(value)
		if _, there := byScore[value+member]; !ok || !there {
			s.faultf("zset %q: member %q has no second row of score %q", n.key, member, value)
		}
		all[member] = score
	}
	if len(byScore) != len(rows) {
		s.faultf("zset %q: %d members, %d scores", n.key, len(rows), len(byScore))
	}
	return all
}

// isOver reports whether an expiry has come.
func (h *head) isOver(now time.Time) bool {
	return h.expire != 0 && int64(h.expire) <= now.UnixMilli()
}
