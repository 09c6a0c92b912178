package archive

import (
	"bytes"
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// dropIncomplete removes chunks that end inside a key that no other continues, back to the one
// where the key begins, and chunks that go on with a key of which a part before is missing.
func (w *Writer) dropIncomplete(log func(string)) error {
	format.SortChunks(w.chunks)
	there := map[string]bool{}
	for _, c := range w.chunks {
		there[c.Name] = true
	}
	var kept []format.ChunkInfo
	for i := 0; i < len(w.chunks); {
		n := 1
		for i+n < len(w.chunks) && goesOn(&w.chunks[i+n-1], &w.chunks[i+n]) {
			n++
		}
		chain := w.chunks[i : i+n]
		if chain[0].Continues || chain[n-1].Open || mayMiss(chain, there) {
			for _, c := range chain {
				log(fmt.Sprintf("%s holds part of a key that is not whole: removed, its keys are read anew", c.Name))
				if err := w.dir.Remove(c.Name); err != nil {
					return fmt.Errorf("resume dump: %w", err)
				}
				w.stored -= c.Size
			}
		} else {
			kept = append(kept, chain...)
		}
		i += n
	}
	w.chunks = kept
	return nil
}

// dropBehind removes chunks behind what is missing: of a dump of the first keys only, whether
// theirs are wanted is known when those before have been read.
func (w *Writer) dropBehind(log func(string)) error {
	var kept []format.ChunkInfo
	var id segmentID
	var from []byte
	hole := false
	for _, c := range w.chunks {
		if now := (segmentID{c.DB, c.Type}); now != id {
			id, from, hole = now, nil, false
		}
		if hole = hole || !bytes.Equal(c.Start, from); !hole {
			kept, from = append(kept, c), c.End
			continue
		}
		log(fmt.Sprintf("%s is behind what is missing of the first %s: removed, its keys are read anew", c.Name, progress.Plural(w.Info.Options.LimitKeys, "key", "keys")))
		if err := w.dir.Remove(c.Name); err != nil {
			return fmt.Errorf("resume dump: %w", err)
		}
		w.stored -= c.Size
	}
	w.chunks = kept
	return nil
}

// mayMiss reports whether a chunk between those of one key may be missing, which their ranges
// do not show: each begins and ends at the key. Numbers do: a run draws one after the other.
func mayMiss(chain []format.ChunkInfo, there map[string]bool) bool {
	for i := 1; i < len(chain); i++ {
		_, _, last, _ := format.ParseChunkName(chain[i-1].Name)
		db, t, number, _ := format.ParseChunkName(chain[i].Name)
		for n := last + 1; n < number; n++ {
			if !there[format.ChunkName(db, t, n)] {
				return true
			}
		}
		if number <= last {
			return true
		}
	}
	return false
}

func goesOn(a, b *format.ChunkInfo) bool {
	return a.Open && b.Continues && a.DB == b.DB && a.Type == b.Type && bytes.Equal(a.End, b.Start)
}
