package archive

import (
	"cmp"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// unlistedAhead is how many numbers behind the last known chunk of a block are asked for: more than
// a run has chunks of one type on their way at once by default.
const unlistedAhead = 16

// unlisted returns the names of chunks that a bucket holds but does not list yet, which some stores
// do for a while. It asks for the numbers that are missing, of each block that was claimed.
func (w *Writer) unlisted(names []string, ranges []numberRange) (found []string, err error) {
	type counter struct {
		segmentID
		block int
	}
	last, begun := map[counter]int{}, map[int]bool{}
	for _, name := range names {
		if db, t, n, err := format.ParseChunkName(name); err == nil {
			c := counter{segmentID{db, t}, n / blockSize}
			last[c], begun[c.block] = max(last[c], n), true
		}
	}
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(requestsAtOnce)
	for _, r := range ranges {
		g.Go(func() error {
			for b := r.base() / blockSize; ; b++ {
				if claimed, err := storage.Exists(w.numbers.claims, storage.ClaimName(b)); err != nil || !claimed {
					return err
				}
				mu.Lock()
				begun[b] = true
				mu.Unlock()
			}
		})
	}
	err = g.Wait()
	for b := range begun {
		for _, db := range w.Info.Options.Databases {
			for _, t := range w.Info.Options.Types {
				g.Go(func() error {
					end := max(last[counter{segmentID{db, t}, b}], b*blockSize)
					for n := b * blockSize; n <= end+unlistedAhead && n < (b+1)*blockSize; n++ {
						name := format.ChunkName(db, t, n)
						if _, listed := slices.BinarySearch(names, name); listed {
							continue
						}
						there, err := storage.Exists(w.dir, name)
						if err != nil {
							return err
						}
						if there {
							end = max(end, n)
							mu.Lock()
							found = append(found, name)
							mu.Unlock()
						}
					}
					return nil
				})
			}
		}
	}
	return found, cmp.Or(err, g.Wait())
}
