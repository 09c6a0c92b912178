package reader

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"time"
)

// Options says where the source is and how hard it may be asked. Zero values mean the defaults.
type Options struct {
	Addr     string // host:port
	Username string // for AUTH; empty: AUTH with the password alone
	Password string // empty: no AUTH
	TLS      *tls.Config

	DialTimeout  time.Duration // for connecting; default 10 s
	ReplyTimeout time.Duration // for one reply, or one pipeline's replies; default 90 s

	// ReplyBytes is the size that replies are steered to by adapting LIMIT and COUNT:
	// default 1 MiB, at least 4 KiB. Replies of four times that are given up, and less is
	// asked for. One value that is larger comes in one reply all the same.
	ReplyBytes int
	// Latency is how long one pipeline may take: LIMIT, COUNT and the number of commands sent
	// at once are steered to it as well, and to a third of the server's timeout where that is
	// less. Default 500 ms.
	Latency time.Duration
	// PageKeys is the most keys asked for in one page: default 256. It bounds what the server
	// makes ready when values suddenly become large, before the adaptation sees it.
	PageKeys int
	// BatchKeys is the most collections read in one pipeline: default 128.
	BatchKeys int
	// PieceElements is how many elements of a collection are read at once, and at most put into one
	// record: default 512, less where they are large, and of the first keys of a pass.
	PieceElements int

	// Scan is how keys are listed: ScanAuto, which is the default, ScanRange or ScanScan.
	Scan string
	// Prefix is what all keys begin with that will be asked for: an account that may use no
	// others will do.
	Prefix []byte
	// NoStreams leaves the streams out.
	NoStreams bool
	// NoCount never has the source count its keys.
	NoCount bool

	// Pacer slows the passes down; nil: they go as fast as they can.
	Pacer Pacer

	// RetryFor is for how long to try again what may pass by itself, until so long nothing was
	// read; 0: not at all. Retrying, if not nil, is told of each error and of the wait that
	// follows. It is called from many goroutines.
	RetryFor time.Duration
	Retrying func(err error, wait time.Duration)

	sawBuffer func(bytes int) // for tests: how large a buffer of replies is
}

// The values of Options.Scan.
const (
	ScanAuto  = "auto"  // the best way that version and account allow
	ScanRange = "range" // by key range, or not at all
	ScanScan  = "scan"  // by SCAN even if there is a better way
)

// Check fills in the defaults and reports the first option out of range.
func (o *Options) Check() error {
	o.DialTimeout = cmp.Or(o.DialTimeout, 10*time.Second)
	o.ReplyTimeout = cmp.Or(o.ReplyTimeout, 90*time.Second)
	o.ReplyBytes = cmp.Or(o.ReplyBytes, 1<<20)
	o.PageKeys = cmp.Or(o.PageKeys, 256)
	o.BatchKeys = cmp.Or(o.BatchKeys, 128)
	o.PieceElements = cmp.Or(o.PieceElements, 512)
	o.Latency = cmp.Or(o.Latency, 500*time.Millisecond)
	o.Scan = cmp.Or(o.Scan, ScanAuto)
	if o.Pacer == nil {
		o.Pacer = unpaced{}
	}
	switch {
	case o.Scan != ScanAuto && o.Scan != ScanRange && o.Scan != ScanScan:
		return fmt.Errorf("reader: Scan is %q, not %s, %s or %s", o.Scan, ScanAuto, ScanRange, ScanScan)
	case o.Addr == "":
		return fmt.Errorf("reader: no address")
	case o.DialTimeout < 0 || o.ReplyTimeout < 0 || o.Latency < 0 || o.RetryFor < 0:
		return fmt.Errorf("reader: a timeout is negative")
	case o.ReplyBytes < 4<<10 || o.ReplyBytes > 256<<20:
		return fmt.Errorf("reader: ReplyBytes is %d, not between 4 KiB and 256 MiB", o.ReplyBytes)
	case o.PageKeys < 1 || o.BatchKeys < 1 || o.PageKeys > 1<<20 || o.BatchKeys > 1<<20:
		return fmt.Errorf("reader: PageKeys and BatchKeys must lie between 1 and 1048576")
	case o.PieceElements < 2 || o.PieceElements > 1<<18:
		return fmt.Errorf("reader: PieceElements is %d, not between 2 and 262144", o.PieceElements)
	}
	return nil
}

// A Pacer says when the next pipeline may go, for all passes together. Its methods are called from
// many goroutines.
type Pacer interface {
	// Wait returns when a pipeline may go, and how long that took.
	Wait(ctx context.Context) (time.Duration, error)
	// Done says what a pipeline brought: so many keys, bytes of replies, and after how long.
	Done(keys, bytes int, took time.Duration)
}

// unpaced lets every pipeline go at once.
type unpaced struct{}

func (unpaced) Wait(context.Context) (time.Duration, error) { return 0, nil }

func (unpaced) Done(int, int, time.Duration) {}
