// Package follow makes a chain of deltas of a live Pika: it follows the binlog from where a dump
// was made, and reads the names that were written from the source.
//
//	err := follow.Run(ctx, follow.Options{Reader: reader.Options{Addr: "10.0.0.5:9221"}, Base: "/base", Chain: "/chain", …})
//	err = follow.Run(ctx, follow.Options{…}) // after any run: it goes on behind the last delta
//
// Values always come from the source, never from the binlog, which is wrong in places (SERVERS.md
// P19). A delta is sealed as a whole or made anew. It never writes to the source, but for the
// setting that Options.Cache names; the source counts it among its replicas as long as it runs.
package follow

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/dump"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pace"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
	"github.com/pika2kvrocks/pika2kvrocks/reader/binlog"
)

// Options say what is followed, how, and where the deltas go.
type Options struct {
	Reader reader.Options
	Base   string // the full dump, finished
	Chain  string // directory or prefix of the deltas
	// Archive is how deltas are written. Its identities open the base and earlier deltas.
	Archive archive.Options
	// Interval is after how long a delta is made of what was written; default 10 s.
	Interval time.Duration
	// DeltaNames is at how many names one is made before that, which bounds the memory; default
	// 100,000. Names of more than 8 MiB are one as well.
	DeltaNames int
	// Once ends with the delta that reaches where the source's binlog is when the run begins.
	Once bool
	// UntilIdle ends, with a delta that says so, when nothing was written for so long; 0: it goes
	// on until the context ends.
	UntilIdle time.Duration
	// ReplicationPort of the source; 0: its port + 2000.
	ReplicationPort int
	Threads         int // connections that read; 0: half of the server's thread pool, at most 6
	Limits          pace.Limits
	Windows         []pace.Window // outside of which nothing is read; nil: none
	Cache           dump.CacheSwitch
	Tool            string // that makes the deltas, with its version
	Meter           *progress.Meter
	Summary         *summary.Summary // takes what the run came to; nil: nobody wants to know
	Log             io.Writer

	lookEvery time.Duration // how often the source's position is looked at; of tests
	dial      func(context.Context, binlog.Options) (session, error)
	before    func(what string) error // of tests: is called at the points where a run can be killed
}

// A session is what follows the binlog: a *binlog.Session.
type session interface {
	Next(ctx context.Context) (*binlog.Item, error)
	KeepAlive() error
	Goodbye(ctx context.Context) error
	Close() error
}

// Defaults.
const (
	Interval   = 10 * time.Second
	DeltaNames = 100_000

	// MostNames is how many a delta has at most.
	MostNames = 10_000_000

	lookEvery = time.Second
	// nameBytes is what the names of a delta take at most, without what the last item adds. Up to
	// three times that is held: of the delta that is read, of the next, and for its sorting.
	nameBytes = 8 << 20

	// itemBytes is what the names of one item take at most, such as a DEL of 3.4.
	itemBytes = 16 << 20
)

// check fills in the defaults.
func (o *Options) check() error {
	o.Interval = cmp.Or(o.Interval, Interval)
	every := lookEvery
	if o.UntilIdle > 0 { // the end should be seen when it comes
		every = min(every, max(every/5, o.UntilIdle/10))
	}
	o.lookEvery = cmp.Or(o.lookEvery, every)
	o.DeltaNames = cmp.Or(o.DeltaNames, DeltaNames)
	if o.Summary == nil {
		o.Summary = summary.New("", "", "follow")
	}
	if o.Meter == nil {
		o.Meter = progress.NewMeter()
	}
	if o.dial == nil {
		o.dial = dial
	}
	if o.before == nil {
		o.before = func(string) error { return nil }
	}
	if o.Interval < 0 || o.UntilIdle < 0 || o.DeltaNames < 1 {
		return fmt.Errorf("follow: a time or a number of names is negative")
	}
	return nil
}

// dial begins to follow the binlog.
func dial(ctx context.Context, o binlog.Options) (session, error) {
	s, err := binlog.Dial(ctx, o)
	if err != nil {
		return nil, err // and not a session that is a nil
	}
	return s, nil
}

// replicationAddr is where the source takes its replicas.
func (o *Options) replicationAddr() (string, error) {
	if o.ReplicationPort == 0 {
		return binlog.ReplicationAddr(o.Reader.Addr)
	}
	host, _, err := net.SplitHostPort(o.Reader.Addr)
	return net.JoinHostPort(host, strconv.Itoa(o.ReplicationPort)), err
}
