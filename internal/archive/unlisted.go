package archive

import (
	"errors"
	"io/fs"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// unlistedAhead is how many numbers behind the last known chunk are asked for: more than a run has
// chunks of one type on their way at once by default.
const unlistedAhead = 16

// unlistedAtOnce is how many questions for such chunks are in flight.
const unlistedAtOnce = 16

// unlisted returns the names of chunks that a bucket holds but does not list yet, which some stores
// do for a while. It asks for the numbers that are missing.
func (w *Writer) unlisted(names []string, ranges []numberRange) (found []string, err error) {
	type counter struct {
		segmentID
		numberRange
	}
	last := map[counter]int{}
	for _, name := range names {
		if db, t, n, err := format.ParseChunkName(name); err == nil {
			c := counter{segmentID{db, t}, numberRangeOf(n)}
			last[c] = max(last[c], n)
		}
	}
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(unlistedAtOnce)
	for _, db := range w.Info.Options.Databases {
		for _, t := range w.Info.Options.Types {
			for _, s := range ranges {
				g.Go(func() error {
					end := max(last[counter{segmentID{db, t}, s}], s.base())
					for n := s.base() + 1; n <= end+unlistedAhead; n++ {
						name := format.ChunkName(db, t, n)
						if _, listed := slices.BinarySearch(names, name); listed {
							continue
						}
						f, err := w.dir.Open(name)
						if errors.Is(err, fs.ErrNotExist) {
							continue
						}
						if err != nil {
							return err
						}
						f.Close()
						end = max(end, n)
						mu.Lock()
						found = append(found, name)
						mu.Unlock()
					}
					return nil
				})
			}
		}
	}
	return found, g.Wait()
}
