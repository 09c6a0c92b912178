package archive

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// dropIncomplete leaves out chunks with a part of a key that is not whole, and those with keys that
// others have, in a bucket: a killed run had sent one, which came when the next had begun to read
// its keys anew. Nothing comes late into a directory: Gaps refuses those there.
func (w *Writer) dropIncomplete(log func(string)) error {
	there := map[string]format.ChunkInfo{}
	for _, c := range w.chunks {
		there[c.Name] = c
	}
	units, rest := joinParts(w.chunks, there)
	for _, c := range rest {
		if err := w.leaveOut(c, "holds part of a key that is not whole", log); err != nil {
			return err
		}
	}
	slices.SortStableFunc(units, func(a, b Unit) int {
		return cmp.Or(cmp.Compare(a[0].DB, b[0].DB), cmp.Compare(a[0].Type, b[0].Type), bytes.Compare(a[0].Start, b[0].Start))
	})
	w.chunks = nil
	var last *format.ChunkInfo
	for _, u := range units {
		if w.uploads != nil && last != nil && last.DB == u[0].DB && last.Type == u[0].Type && (last.End == nil || bytes.Compare(last.End, u[0].Start) > 0) {
			for _, c := range u {
				if err := w.leaveOut(c, "has keys that "+last.Name+" has, for one of them came late", log); err != nil {
					return err
				}
			}
			continue
		}
		w.chunks, last = append(w.chunks, u...), &u[len(u)-1]
	}
	format.SortChunks(w.chunks)
	return nil
}

// leaveOut leaves out a chunk that an earlier run has sealed.
func (w *Writer) leaveOut(c format.ChunkInfo, why string, log func(string)) error {
	log(fmt.Sprintf("%s %s: left out, its keys are read anew", c.Name, why))
	return w.drop(c.Name)
}

// drop removes a file that an earlier run has left, from a bucket when the dump is finished: the
// DELETE of a run that is killed may arrive when another has taken up the file.
func (w *Writer) drop(name string) error {
	if w.uploads != nil {
		w.dropped = append(w.dropped, name)
		return nil
	}
	if err := w.dir.Remove(name); err != nil {
		return fmt.Errorf("resume dump: %w", err)
	}
	return nil
}

// dropBehind leaves out chunks behind what is missing: of a dump of the first keys only, whether
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
		why := "is behind what is missing of the first " + progress.Plural(w.Info.Options.LimitKeys, "key", "keys")
		if err := w.leaveOut(c, why, log); err != nil {
			return err
		}
	}
	w.chunks = kept
	return nil
}

// joinParts makes units of chunks, which it sorts, those that share a key together. Those with a
// part of a key that is not whole are the rest. Which chunk follows, ranges do not show, for each
// begins and ends at the key: numbers do, for a run draws one after the other. Where one between
// them is not there, it may be a part, or the beginning of the key in another run.
func joinParts(chunks []format.ChunkInfo, there map[string]format.ChunkInfo) (units []Unit, rest []format.ChunkInfo) {
	type openKey struct {
		segmentID
		key string
	}
	open := map[openKey]Unit{}
	number := func(c *format.ChunkInfo) int {
		_, _, n, _ := format.ParseChunkName(c.Name)
		return n
	}
	slices.SortFunc(chunks, func(a, b format.ChunkInfo) int { return number(&a) - number(&b) })
	for _, c := range chunks {
		id := segmentID{c.DB, c.Type}
		u := Unit{c}
		if k := (openKey{id, string(c.Start)}); c.Continues {
			before := open[k]
			delete(open, k)
			u = append(before, c)
			whole := len(before) > 0
			for n := number(&c) - 1; whole && n > number(&before[len(before)-1]); n-- {
				_, whole = there[format.ChunkName(c.DB, c.Type, n)]
			}
			if !whole {
				rest = append(rest, u...)
				continue
			}
		}
		if !c.Open {
			units = append(units, u)
			continue
		}
		k := openKey{id, string(c.End)}
		rest = append(rest, open[k]...) // another run has begun the key anew
		open[k] = u
	}
	for _, u := range open {
		rest = append(rest, u...)
	}
	return units, rest
}
