// Package stats counts what is in a dump: keys, elements and bytes by database, type, size, time to
// live and prefix, the largest keys, and what their names look like.
//
//	a, err := archive.Open(ctx, dir, threads)
//	s, err := stats.Run(ctx, stats.Options{Archive: a, Workers: threads})
//
// It reads every record once, in memory that does not grow with the dump, and checks each chunk as
// kvload check does: an error says that one is damaged. It never prints, and holds no values.
package stats

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
)

// Schema is the version of Stats as JSON (docs/operations/statistics.md). It grows when a field
// goes or changes its meaning; new fields may come at any time.
const Schema = 1

// Stats are what is in a dump.
type Stats struct {
	Schema int    `json:"schema"`
	Dump   string `json:"dump"`       // its id
	Last   string `json:"last_delta"` // that of the last delta that is put above it; empty: none is
	// At is the end of the dump. Times to live are those that were left then.
	At time.Time `json:"at"`
	Counts
	Deleted   int64   `json:"deleted"` // in a delta, names by type that they are not of
	Groups    []Group `json:"groups"`  // by database and type
	Sizes     []Class `json:"sizes"`   // by bytes of name and content
	Lengths   []Class `json:"lengths"` // of all but strings, by elements
	TTLs      []Class `json:"ttls"`    // of keys that expire, by seconds that are left
	Permanent Class   `json:"permanent"`
	Largest   []Key   `json:"largest_keys"`        // by bytes
	Longest   []Key   `json:"largest_collections"` // by elements
	Names     Names   `json:"names"`
}

// Options of Run.
type Options struct {
	Archive *archive.Archive
	Workers int // units that are read at once; at least 1
	// Done is called when a unit has been read; nil: nobody is told.
	Done func(archive.Unit)
}

// mostWorkers bounds the memory: each holds a frame, and each lane what it has counted.
const mostWorkers = 8

// Run reads the dump, and returns what is in it.
func Run(ctx context.Context, o Options) (*Stats, error) {
	if o.Archive == nil || o.Workers < 1 {
		return nil, errors.New("stats: no archive, or no worker")
	}
	units := o.Archive.Units(func(format.ChunkInfo) bool { return true })
	sample := separatorSample{}
	if err := o.each(ctx, slices.Collect(slices.Chunk(sampled(units), 1)), sample.addUnit); err != nil {
		return nil, err
	}
	separators, list := sample.found()
	all := newCollector(o.Archive.Manifest.Finished, &separators)
	if err := o.read(ctx, units, all); err != nil {
		return nil, err
	}
	s := all.stats()
	s.Dump, s.Names.Separators = o.Archive.Manifest.Dump, list
	if d := o.Archive.Deltas(); len(d) > 0 {
		s.Last = d[len(d)-1].Info.Dump
	}
	return s, nil
}

// A work reads the records of a unit of a lane, or some of them.
type work func(ctx context.Context, lane int, u archive.Unit, src *archive.UnitSource) error

// each has the work done for the units of each lane in order, for as many lanes at once as there
// are workers.
func (o *Options) each(ctx context.Context, lanes [][]archive.Unit, do work) error {
	memory := archive.NewMemory(archive.GiantBytes)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(min(o.Workers, mostWorkers))
	for lane, units := range lanes {
		g.Go(func() error {
			for _, u := range units {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				src := o.Archive.OpenUnit(u)
				src.Bound(ctx, memory)
				if err := errors.Join(do(ctx, lane, u, src), src.Close()); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// read reads the units into all. What is given up for lack of room depends on what is counted
// together, and in which order: so lanes are the same whatever the number of workers.
func (o *Options) read(ctx context.Context, units []archive.Unit, all *collector) error {
	lanes, sizes := make([][]archive.Unit, mostWorkers), make([]int64, mostWorkers)
	for _, u := range archive.LargestFirst(units) {
		least := slices.Index(sizes, slices.Min(sizes))
		lanes[least], sizes[least] = append(lanes[least], u), sizes[least]+max(1, u.Stored())
	}
	var counted [mostWorkers]*collector
	err := o.each(ctx, lanes, func(ctx context.Context, lane int, u archive.Unit, src *archive.UnitSource) error {
		if counted[lane] == nil {
			counted[lane] = newCollector(all.at, all.walker.separators)
		}
		err := counted[lane].unit(ctx, u, src)
		if err == nil && o.Done != nil {
			o.Done(u)
		}
		return err
	})
	for _, c := range counted {
		if c != nil && err == nil {
			all.merge(c)
		}
	}
	return err
}
