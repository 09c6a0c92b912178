package archive

import (
	"bytes"
	"fmt"
	"iter"

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
	for chain := range keyChains(w.chunks) {
		if isWhole(chain, there) {
			kept = append(kept, chain...)
			continue
		}
		for _, c := range chain {
			log(fmt.Sprintf("%s holds part of a key that is not whole: removed, its keys are read anew", c.Name))
			if err := w.remove(c); err != nil {
				return err
			}
		}
	}
	w.chunks = kept
	return nil
}

// remove removes a chunk that an earlier run has sealed.
func (w *Writer) remove(c format.ChunkInfo) error {
	if err := w.dir.Remove(c.Name); err != nil {
		return fmt.Errorf("resume dump: %w", err)
	}
	w.stored -= c.Size
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
		if err := w.remove(c); err != nil {
			return err
		}
	}
	w.chunks = kept
	return nil
}

// keyChains gives chunks, which are sorted, one by one, but those together that share a key.
func keyChains(chunks []format.ChunkInfo) iter.Seq[[]format.ChunkInfo] {
	return func(yield func([]format.ChunkInfo) bool) {
		for n := 0; len(chunks) > 0; chunks = chunks[n:] {
			for n = 1; n < len(chunks) && goesOn(&chunks[n-1], &chunks[n]); n++ {
			}
			if !yield(chunks[:n]) {
				return
			}
		}
	}
}

// isWhole reports whether all parts of the key that chunks share are there.
func isWhole(chain []format.ChunkInfo, there map[string]bool) bool {
	return !chain[0].Continues && !chain[len(chain)-1].Open && !mayMiss(chain, there)
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
