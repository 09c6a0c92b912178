package archive

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// SkippedKey is a line of skipped.jsonl (docs/FORMAT.md §6.4).
type SkippedKey struct {
	DB     int         `json:"db"`
	Type   format.Type `json:"type"`
	Key    []byte      `json:"key"`  // base64
	Name   string      `json:"name"` // the key for people: quoted
	Reason string      `json:"reason"`
	Detail string      `json:"detail,omitempty"`
}

// Skipped hands over the keys that are not in the dump.
func (a *Archive) Skipped(each func(SkippedKey) error) error {
	if a.above != nil {
		return a.eachSkipped(a.SkippedIn, each)
	}
	return readNamed(a, format.SkippedName, each)
}

// SkippedList returns where skipped.jsonl is, for people.
func (a *Archive) SkippedList() string { return a.dir.Path(format.SkippedName) }

// WithSkipped returns the numbers of the deltas of a chain, up to one, that have a skipped.jsonl.
func WithSkipped(ctx context.Context, chain string, last int) (numbers []int, err error) {
	dir, err := openStore(ctx, chain)
	if err != nil {
		return nil, err
	}
	names, err := dir.List()
	for _, name := range names {
		member, file, _ := strings.Cut(name, "/")
		if n := deltaNumber(member); n > 0 && n <= last && strings.TrimSuffix(file, format.EncryptedSuffix) == format.SkippedName {
			numbers = append(numbers, n)
		}
	}
	return numbers, err
}

// writeSkipped writes skipped.jsonl from the footers of the chunks, if any of them skips a
// key, and sets what the manifest says of it.
func (a *Archive) writeSkipped() error {
	m, counts := a.Manifest, map[string]int64{}
	for _, c := range m.Chunks {
		m.Expired += c.Expired
	}
	err := a.writeList(format.SkippedName, func(add func(line any) error) error {
		return a.eachSkipped(a.skippedOf, func(k SkippedKey) error {
			counts[k.Reason]++
			return add(k)
		})
	})
	if err != nil {
		return err
	}
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		m.Skipped = append(m.Skipped, format.Reason{Reason: reason, Keys: counts[reason]})
	}
	return nil
}

// eachSkipped hands over the skipped keys, chunk by chunk, that in returns of each.
func (a *Archive) eachSkipped(in func(format.ChunkInfo) ([]format.SkippedKey, error), each func(SkippedKey) error) error {
	for _, c := range a.Manifest.Chunks {
		keys, err := in(c)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if err := each(SkippedKey{c.DB, c.Type, k.Key, name(k.Key), k.Reason, k.Detail}); err != nil {
				return err
			}
		}
	}
	return nil
}

// SkippedIn returns the skipped keys in the range of a chunk, in key order.
func (a *Archive) SkippedIn(c format.ChunkInfo) ([]format.SkippedKey, error) {
	if a.above == nil {
		return skippedIn(c, a, nil)
	}
	return skippedIn(a.above.chunks[c.Name], a, a.above.deltas)
}

// skippedOf returns the skipped keys of a chunk of the dump itself, as its footer has them.
func (a *Archive) skippedOf(c format.ChunkInfo) ([]format.SkippedKey, error) {
	if c.Skipped == 0 {
		return nil, nil
	}
	f, err := a.readFooter(c)
	if err != nil {
		return nil, err
	}
	return f.Skipped, nil
}

func (a *Archive) readFooter(c format.ChunkInfo) (*format.Footer, error) {
	if a.above != nil {
		c = a.above.chunks[c.Name]
	}
	f, chunk, err := a.openAt(c)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return &chunk.Footer, nil
}

// skippedIn returns the keys that were skipped in the range of a chunk of base, nil if there is
// none, and of which no newer delta says what they are, in key order. It holds the footers of the
// chunks that have some.
func skippedIn(c format.ChunkInfo, base *Archive, deltas []*Archive) ([]format.SkippedKey, error) {
	var all []format.SkippedKey
	if base != nil {
		own, err := base.skippedOf(c)
		if err == nil {
			all, err = notNamed(deltas, c, own)
		}
		if err != nil {
			return nil, err
		}
	}
	for i, d := range deltas {
		for _, dc := range d.Manifest.Chunks {
			if dc.DB != c.DB || dc.Type != c.Type || dc.Skipped == 0 {
				continue
			}
			skipped, err := d.skippedOf(dc)
			if err == nil {
				skipped = slices.DeleteFunc(skipped, func(k format.SkippedKey) bool { return !c.InRange(k.Key) })
				skipped, err = notNamed(deltas[i+1:], c, skipped)
			}
			if err != nil {
				return nil, err
			}
			all = append(all, skipped...)
		}
	}
	slices.Reverse(all) // the newest first
	slices.SortStableFunc(all, func(x, y format.SkippedKey) int { return bytes.Compare(x.Key, y.Key) })
	return slices.CompactFunc(all, func(x, y format.SkippedKey) bool { return bytes.Equal(x.Key, y.Key) }), nil
}

// notNamed returns those of the keys of which none of the deltas says anything.
func notNamed(deltas []*Archive, c format.ChunkInfo, keys []format.SkippedKey) ([]format.SkippedKey, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	keys = slices.Clone(keys)
	slices.SortFunc(keys, func(x, y format.SkippedKey) int { return bytes.Compare(x.Key, y.Key) })
	for _, s := range cursorsOf(deltas, c.DB, c.Type) {
		var failed error
		keys = slices.DeleteFunc(keys, func(k format.SkippedKey) bool {
			if failed != nil {
				return false
			}
			is, err := s.reach(k.Key)
			failed = err
			return is
		})
		s.Close()
		if failed != nil {
			return nil, failed
		}
	}
	return keys, nil
}

// A SkippedCursor goes over the skipped keys of one database and type, in order, for one goroutine.
type SkippedCursor struct {
	a      *Archive
	chunks []format.ChunkInfo
	keys   []format.SkippedKey // that are left of the chunk at hand
	start  []byte
	at     *format.SkippedKey
}

// SkippedKeys returns a cursor before the first skipped key that is not before start.
func (a *Archive) SkippedKeys(db int, t format.Type, start []byte) *SkippedCursor {
	c := &SkippedCursor{a: a, start: start}
	for _, chunk := range a.Manifest.Chunks {
		if chunk.DB == db && chunk.Type == t && chunk.Skipped > 0 && (chunk.End == nil || bytes.Compare(chunk.End, start) >= 0) {
			c.chunks = append(c.chunks, chunk)
		}
	}
	return c
}

// At returns the key at hand; nil: there is none, before the first and behind the last.
func (c *SkippedCursor) At() *format.SkippedKey { return c.at }

// Next goes on to the next key.
func (c *SkippedCursor) Next() (err error) {
	for {
		for len(c.keys) > 0 {
			if c.at, c.keys = &c.keys[0], c.keys[1:]; bytes.Compare(c.at.Key, c.start) >= 0 {
				return nil
			}
		}
		if c.at = nil; len(c.chunks) == 0 {
			return nil
		}
		if c.keys, err = c.a.skippedOf(c.chunks[0]); err != nil {
			return err
		}
		c.chunks = c.chunks[1:]
		slices.SortStableFunc(c.keys, func(x, y format.SkippedKey) int { return bytes.Compare(x.Key, y.Key) })
	}
}
