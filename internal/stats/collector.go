package stats

import (
	"context"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
)

// A collector counts the keys of some units.
type collector struct {
	at      time.Time
	groups  map[int]*[kindsEnd]Group // by database and kind
	sizes   histogram
	lengths histogram
	ttls    histogram
	bytes   largest
	longest largest
	walker  walker

	db   int
	typ  format.Type
	here *[kindsEnd]Group // groups of the unit's database
	key  format.Record    // the one that is open: its kind, name and expiry
	open Counts
}

func newCollector(at time.Time, separators *[256]bool) *collector {
	return &collector{
		at: at, groups: map[int]*[kindsEnd]Group{},
		sizes: newHistogram(sizeBounds), lengths: newHistogram(lengthBounds), ttls: newHistogram(ttlBounds),
		bytes:   largest{measure: func(k *Key) int64 { return k.Bytes }},
		longest: largest{measure: func(k *Key) int64 { return k.Elements }},
		walker:  walker{tree: newTree(), heavy: &heavy{}, separators: separators},
	}
}

func (c *collector) unit(ctx context.Context, u archive.Unit, src *archive.UnitSource) error {
	c.db, c.typ, c.here = u[0].DB, u[0].Type, c.database(u[0].DB)
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r, err := src.Next()
		if err == io.EOF {
			c.walker.end()
			return nil
		}
		if err != nil {
			return err
		}
		c.record(r)
	}
}

func (c *collector) record(r *format.Record) {
	if r.Kind == format.Deleted {
		c.here[kindOf(c.typ)].Deleted++
		return
	}
	if r.Part&format.PartFirst != 0 {
		c.key.Kind, c.key.Expire, c.key.Key = r.Kind, r.Expire, append(c.key.Key[:0], r.Key...)
		c.open = Counts{Keys: 1, Bytes: int64(len(r.Key))}
		if r.Expire != 0 {
			c.open.Expiring = 1
		}
	}
	c.open.Elements += int64(r.Elements())
	c.open.Bytes += int64(r.Size())
	if r.Part&format.PartLast != 0 {
		c.end()
	}
}

// kindOf returns the kind of a type's records, of a string's as well.
func kindOf(t format.Type) format.Kind {
	return kinds[slices.IndexFunc(kinds, func(k format.Kind) bool { return k.Type() == t })]
}

func (c *collector) database(db int) *[kindsEnd]Group {
	if c.groups[db] == nil {
		c.groups[db] = new([kindsEnd]Group)
	}
	return c.groups[db]
}

// end counts the key that is open.
func (c *collector) end() {
	k := c.key.Kind
	c.here[k].Add(c.open)
	c.sizes.add(c.open.Bytes, k, c.open)
	if k != format.String && k != format.HyperLogLog {
		c.lengths.add(c.open.Elements, k, c.open)
		if c.longest.wants(c.open.Elements, c.key.Key) {
			c.keep(&c.longest)
		}
	}
	if c.key.Expire != 0 {
		left := float64(c.key.Expire-c.at.UnixMilli()) / 1000
		c.ttls.add(int64(math.Floor(left)), k, c.open)
	}
	if c.bytes.wants(c.open.Bytes, c.key.Key) {
		c.keep(&c.bytes)
	}
	c.walker.add(c.key.Key, k, c.open)
}

// keep adds the key that is open to the largest, if it is one of them.
func (c *collector) keep(to *largest) {
	name := append([]byte{}, c.key.Key[:min(len(c.key.Key), nameKept)]...) // never null, as JSON
	k := Key{DB: c.db, Type: c.key.Kind.String(), Key: name, Name: strconv.Quote(string(name)), NameSize: len(c.key.Key), Elements: c.open.Elements, Bytes: c.open.Bytes}
	if c.key.Expire != 0 {
		at := time.UnixMilli(min(max(c.key.Expire, firstTime), lastTime)).UTC()
		k.Expires = &at
	}
	to.add(k)
}

// merge adds what o counts, which is not used any more.
func (c *collector) merge(o *collector) {
	for db, groups := range o.groups {
		to := c.database(db)
		for k, g := range groups {
			to[k].Add(g.Counts)
			to[k].Deleted += g.Deleted
		}
	}
	c.sizes.merge(&o.sizes)
	c.lengths.merge(&o.lengths)
	c.ttls.merge(&o.ttls)
	c.bytes.merge(&o.bytes)
	c.longest.merge(&o.longest)
	c.walker.tree.join(o.walker.tree)
	c.walker.heavy.merge(o.walker.heavy)
}

func (c *collector) stats() *Stats {
	s := &Stats{Schema: Schema, At: c.at, Groups: []Group{}, Sizes: c.sizes.list(0), Lengths: c.lengths.list(0), TTLs: c.ttls.list(-1), Permanent: Class{Types: map[string]int64{}},
		Largest: append([]Key{}, c.bytes.keys...), Longest: append([]Key{}, c.longest.keys...)}
	for _, db := range slices.Sorted(maps.Keys(c.groups)) {
		for _, k := range kinds {
			g := c.groups[db][k]
			if g.Keys == 0 && g.Deleted == 0 {
				continue
			}
			g.DB, g.Type = db, k.String()
			s.Groups = append(s.Groups, g)
			s.Counts.Add(g.Counts)
			s.Deleted += g.Deleted
			if n := g.Keys - g.Expiring; n > 0 {
				s.Permanent.Types[g.Type] += n
			}
		}
	}
	s.Permanent.Counts = s.Counts
	for _, class := range s.TTLs {
		s.Permanent.Keys -= class.Keys
		s.Permanent.Elements -= class.Elements
		s.Permanent.Bytes -= class.Bytes
	}
	s.Permanent.Expiring = 0
	s.Names = c.walker.tree.names(c.walker.heavy)
	return s
}
