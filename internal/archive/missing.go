package archive

import (
	"bytes"
	"sort"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// Missing calls lacks for each of keys, which stand in byte order without repetition, that
// none of the chunks of the database has that keep accepts. It opens every chunk in
// whose range one of them lies, and reads each of its frames at most once.
func (a *Archive) Missing(db int, keep func(format.ChunkInfo) bool, keys [][]byte, lacks func(key []byte) error) error {
	held := make([]bool, len(keys))
	for _, c := range a.Manifest.Chunks {
		if c.DB != db || c.Records == 0 || !keep(c) {
			continue
		}
		from := sort.Search(len(keys), func(i int) bool { return bytes.Compare(keys[i], c.Start) >= 0 })
		until := len(keys)
		if c.End != nil { // a key that goes on in the next chunk begins in this one
			until = sort.Search(len(keys), func(i int) bool {
				n := bytes.Compare(keys[i], c.End)
				return n > 0 || n == 0 && !c.Open
			})
		}
		if from >= until {
			continue
		}
		if err := a.contains(c, keys[from:until], func(i int) { held[from+i] = true }); err != nil {
			return err
		}
	}
	for i, key := range keys {
		if !held[i] {
			if err := lacks(key); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *Archive) contains(c format.ChunkInfo, keys [][]byte, found func(i int)) error {
	f, chunk, err := openAt(a.dir, a.codec, c)
	if err != nil {
		return err
	}
	defer f.Close()
	return inDir(a.dir, chunk.Contains(keys, found))
}
