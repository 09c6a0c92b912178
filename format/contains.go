package format

import (
	"bytes"
	"fmt"
	"sort"
)

// Contains calls found with the place in keys, which stand in byte order, of each key that
// the chunk has a record of. It reads every frame that can hold one of them once.
func (c *Chunk) Contains(keys [][]byte, found func(i int)) error {
	index := c.Footer.Index
	var raw []byte
	for i := 0; i < len(keys); {
		// The last frame that starts at or before the key.
		f := sort.Search(len(index), func(f int) bool { return bytes.Compare(index[f], keys[i]) > 0 }) - 1
		if f < 0 {
			i++
			continue
		}
		if bytes.Equal(index[f], keys[i]) {
			found(i)
			i++
			continue
		}
		end := len(keys)
		if f+1 < len(index) {
			end = i + sort.Search(len(keys)-i, func(n int) bool { return bytes.Compare(keys[i+n], index[f+1]) >= 0 })
		}
		var err error
		if raw, err = c.frame(f+1, raw); err != nil {
			return err
		}
		if err := c.containsIn(f+1, raw, keys[i:end], func(n int) { found(i + n) }); err != nil {
			return err
		}
		i = end
	}
	return nil
}

// containsIn does it for the records of one frame.
func (c *Chunk) containsIn(frame int, raw []byte, keys [][]byte, found func(i int)) error {
	var rec Record
	i := 0
	for off := 0; off < len(raw) && i < len(keys); {
		n, err := DecodeRecord(raw[off:], &rec)
		if err != nil {
			return c.corrupt(frame, fmt.Errorf("record at byte %d of the frame: %w", off, err))
		}
		off += n
		for i < len(keys) && bytes.Compare(keys[i], rec.Key) < 0 {
			i++
		}
		if i < len(keys) && bytes.Equal(keys[i], rec.Key) {
			found(i)
			i++
		}
	}
	return nil
}
