package stats

import (
	"bytes"
	"cmp"
	"slices"
	"sort"
	"time"
)

const mostLargest = 50

// nameKept is how many bytes of a key's name are kept.
const nameKept = 1024

// The times that Expires can be, in milliseconds.
var (
	firstTime = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	lastTime  = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).UnixMilli()
)

// A Key is one of the largest.
type Key struct {
	DB   int    `json:"db"`
	Type string `json:"type"`
	// Key is its name, or the first bytes of one that is longer than 1,024.
	Key      []byte `json:"key"`
	Name     string `json:"name"`       // the same for people: quoted
	NameSize int    `json:"name_bytes"` // of the whole name
	Elements int64  `json:"elements"`
	Bytes    int64  `json:"bytes"`
	// Expires is when it does, but no time before the year 1 or after 9999, which JSON cannot have;
	// nil: it does not.
	Expires *time.Time `json:"expires"`
}

// A largest holds the keys that come first by less.
type largest struct {
	measure func(*Key) int64
	keys    []Key // in order
}

// wants reports whether a key of that name that measures so much may be among them.
func (l *largest) wants(value int64, name []byte) bool {
	if len(l.keys) < mostLargest {
		return true
	}
	last := &l.keys[mostLargest-1]
	least := l.measure(last)
	return value > least || value == least && bytes.Compare(name[:min(len(name), nameKept)], last.Key) <= 0
}

// add takes in a key, of which it keeps all.
func (l *largest) add(k Key) {
	at := sort.Search(len(l.keys), func(i int) bool { return l.compare(&k, &l.keys[i]) < 0 })
	if at == mostLargest {
		return
	}
	l.keys = slices.Insert(l.keys[:min(len(l.keys), mostLargest-1)], at, k)
}

// compare orders keys: of those that measure the same, by their names.
func (l *largest) compare(a, b *Key) int {
	if c := cmp.Compare(l.measure(b), l.measure(a)); c != 0 {
		return c
	}
	return cmp.Or(bytes.Compare(a.Key, b.Key), cmp.Compare(a.DB, b.DB), cmp.Compare(a.Type, b.Type))
}

func (l *largest) merge(o *largest) {
	for _, k := range o.keys {
		l.add(k)
	}
}
