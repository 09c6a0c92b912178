package stats

import "github.com/pika2kvrocks/pika2kvrocks/format"

// Counts are those of some keys. Bytes are of names and content: no encoding, no server's overhead.
type Counts struct {
	Keys     int64 `json:"keys"`
	Elements int64 `json:"elements"`
	Bytes    int64 `json:"bytes"`
	Expiring int64 `json:"expiring"` // of Keys, those with an expiry
}

// Add adds those of other keys.
func (c *Counts) Add(d Counts) {
	c.Keys += d.Keys
	c.Elements += d.Elements
	c.Bytes += d.Bytes
	c.Expiring += d.Expiring
}

// kinds are those of keys, in the order in which they are shown.
var kinds = []format.Kind{format.String, format.HyperLogLog, format.Hash, format.List, format.Zset, format.Set, format.Stream}

// kindsEnd is behind the largest of kinds.
const kindsEnd = format.HyperLogLog + 1

// A Group is what one database has of one type. HyperLogLogs, which are strings at the source, are
// a type of their own.
type Group struct {
	DB   int    `json:"db"`
	Type string `json:"type"`
	Counts
	// Deleted are names of a delta that are not of the type; no others are counted here.
	Deleted int64 `json:"deleted"`
}

// A Class is a range of sizes, lengths or times to live: From and above, and below To. To is 0 if
// there is no end.
type Class struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
	Counts
	Types map[string]int64 `json:"types"` // keys by type
}

// The bounds of classes: the first begins at 0 and ends before the first bound.
var (
	sizeBounds   = []int64{64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 16 << 20}
	lengthBounds = []int64{2, 11, 101, 1001, 10_001, 100_001, 1_000_001}
	// In seconds from the end of the dump. Before the first: expired by then.
	ttlBounds = []int64{0, 60, 3600, 6 * 3600, 86_400, 7 * 86_400, 30 * 86_400, 365 * 86_400}
)

// A histogram counts keys by class.
type histogram struct {
	bounds  []int64
	classes [][kindsEnd]Counts // one more than bounds
}

func newHistogram(bounds []int64) histogram {
	return histogram{bounds, make([][kindsEnd]Counts, len(bounds)+1)}
}

func (h *histogram) add(value int64, k format.Kind, c Counts) {
	i := 0
	for i < len(h.bounds) && value >= h.bounds[i] {
		i++
	}
	h.classes[i][k].Add(c)
}

func (h *histogram) merge(o *histogram) {
	for i := range h.classes {
		for k := range kindsEnd {
			h.classes[i][k].Add(o.classes[i][k])
		}
	}
}

// list returns the classes, of which the first begins at from.
func (h *histogram) list(from int64) (all []Class) {
	for i, byKind := range h.classes {
		c := Class{From: from, Types: map[string]int64{}}
		if i < len(h.bounds) {
			c.To = h.bounds[i]
		}
		for _, k := range kinds {
			if n := byKind[k]; n.Keys > 0 {
				c.Add(n)
				c.Types[k.String()] = n.Keys
			}
		}
		all = append(all, c)
		from = c.To
	}
	return all
}
