package archive

import (
	"bytes"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

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
