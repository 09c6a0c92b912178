// Package dump makes a dump of a live Pika: it lists the keys of every database and type in
// ranges, reads them and writes them into an archive.
//
//	err := dump.Run(ctx, dump.Options{Reader: reader.Options{Addr: "10.0.0.5:9221"}, Location: "/backup/pika", …})
//	err = dump.Run(ctx, dump.Options{…, Resume: true}) // after a run that was stopped, in whatever way
//
// It never writes to the source, but for the setting that Options.CacheOff names, and never says
// that a dump is finished whose chunks do not cover all keys that were asked for.
package dump

import (
	"context"
	"io"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pace"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// Options say what is dumped, how, and where to.
type Options struct {
	Reader    reader.Options
	Selection Selection
	Location  string    // a directory or the URL of a prefix in a bucket
	Stream    io.Writer // what the dump is written to in place of Location; nil: to that
	Resume    bool      // the unfinished dump in Location
	Shard     *Shard    // the only one that is dumped; nil: all of the dump
	// Base is where the dump is of which a delta is made: what has changed since it, and since the
	// deltas before the one that Location names in its chain; empty: a full dump. Selection is that
	// of the base, or not set.
	Base string
	// OtherSource allows a source that is not that of the base.
	OtherSource bool
	Archive     archive.Options
	// Threads is how many passes run at once. 0: half of the server's thread pool, and up to one
	// for each type while it answers quickly, unless Limits or Windows say how it is spared.
	Threads   int
	SplitKeys int64 // keys that a pass must have listed to be split; 0: 20,000
	Limits    pace.Limits
	Windows   []pace.Window // outside of which nothing is read; nil: none
	// CacheOff has the source's cache-model set to 0 for the run.
	CacheOff bool
	// Consistent has the run end with a LeftOut error unless no write happened at the source.
	Consistent bool
	Tool       string // that makes the dump, with its version
	Meter      *progress.Meter
	Summary    *summary.Summary // takes what the run came to; nil: nobody wants to know
	Log        io.Writer

	ping      func(context.Context) (time.Duration, error) // of tests
	lookEvery time.Duration
	roomEvery time.Duration // see watchBinlog
}

func (o *Options) where() string {
	if o.Stream != nil {
		return "the stream"
	}
	return o.Location
}
