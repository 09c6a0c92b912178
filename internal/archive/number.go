package archive

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// Shards of a dump write their chunks into one directory or bucket, each under numbers of its own:
// those of shard 12 are 1012000001 and so on. Numbers below belong to runs that are no shard. A
// shard looks at its own chunks only.
const (
	shardBase = 1_000_000_000
	shardSpan = 1_000_000
)

// A numberRange is a range of chunk numbers: 0 is that of runs that are no shard, others are those
// of shard 0 and so on.
type numberRange int

func numberRangeOf(number int) numberRange {
	if number < shardBase {
		return 0
	}
	return numberRange((number-shardBase)/shardSpan + 1)
}

// base returns the number below the first.
func (r numberRange) base() int {
	if r == 0 {
		return 0
	}
	return shardBase + int(r-1)*shardSpan
}

// blockSize is how many numbers a run claims at once, of each database and type: block 2 are those
// from 2000 on. In a bucket, what a killed run had sent can arrive at any time. So a run draws
// numbers only of blocks that it has claimed, by an object that only one run can make. Then no
// chunk of another takes the place of one of its own, nor stands for a part between two of them.
const blockSize = 1000

// numbers draws those of the chunks of a run. It is for one goroutine at a time.
type numbers struct {
	own      numberRange
	last     map[segmentID]int
	claims   storage.Store // in which runs claim blocks; nil: all are free
	from, to int           // the newest numbers that were claimed, to before to; 0: none
}

type segmentID struct {
	db  int
	typ format.Type
}

// next draws a number.
func (s *numbers) next(id segmentID) (n int, err error) {
	next := func() int { return max(s.last[id]+1, s.own.base()+1, s.from) }
	if s.claims != nil && next() >= s.to {
		err = s.claim()
	}
	if n = next(); numberRangeOf(n) != s.own {
		err = fmt.Errorf("there are too many of db%d %s; give a larger --chunk-size", id.db, id.typ)
	}
	if err != nil {
		return 0, fmt.Errorf("begin chunk: %w", err)
	}
	s.last[id] = n
	return n, nil
}

// claim claims the next block that none has claimed, and that has no chunk of an earlier run: those
// of before 2026-11-29 claimed none.
func (s *numbers) claim() error {
	used := -1
	for _, n := range s.last {
		used = max(used, n)
	}
	b := max(s.to, s.own.base()) / blockSize
	for ; numberRangeOf(b*blockSize) == s.own; b++ {
		err := storage.WriteFile(s.claims, storage.ClaimName(b), []byte(rand.Text()))
		switch {
		case errors.Is(err, fs.ErrExist) || err == nil && b*blockSize <= used && s.to == 0:
			continue
		case err != nil:
			return err
		case b*blockSize > s.to:
			s.from = b * blockSize
		}
		s.to = (b + 1) * blockSize
		return nil
	}
	s.from = b * blockSize // of another range
	return nil
}

// unclaim removes the claims of all runs of a finished dump. No dump depends on it.
func (s *numbers) unclaim(ranges []numberRange) {
	var g errgroup.Group
	g.SetLimit(requestsAtOnce)
	for _, r := range ranges {
		g.Go(func() error {
			for b := r.base() / blockSize; s.claims.Remove(storage.ClaimName(b)) == nil; b++ {
			}
			return nil
		})
	}
	_ = g.Wait()
}

// requestsAtOnce is how many small requests for one purpose are in flight.
const requestsAtOnce = 16
