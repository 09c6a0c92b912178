package reader

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// A Scanner reads one Pika. Its methods may be called from many goroutines.
type Scanner struct {
	*session
	unsplit  atomic.Bool // splitting does not work here
	lastKeys sync.Map    // []byte by rangeEnd: where split has found them
}

// Open checks o, connects, identifies the server and proves by reading that the account may
// do what a dump needs.
func Open(ctx context.Context, o Options) (*Scanner, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	d := &dialer{Options: o, giants: resp.NewMemory(giantBytes)}
	c, err := d.dial(ctx, 0)
	if err != nil {
		return nil, o.explain(err)
	}
	defer c.close()
	s := &Scanner{session: &session{d: d, probe: probe, nameBytes: nameBytes, longPrefix: longPrefix, maxReply: resp.MaxReply, scanCount: scanCount}}
	if s.source, s.seen, err = identify(ctx, c); err != nil {
		return nil, fmt.Errorf("look at %s: %w", o.Addr, o.explain(err))
	}
	s.saw(time.Now().UnixMilli() + s.source.ClockDifference)
	d.recognize = func(ctx context.Context, c *conn) error {
		err := s.seen.recognize(ctx, c)
		if h := s.held.Load(); err == nil && h != nil {
			err = h.ensure(ctx, s.seen.restarts.Load(), c.doOnce)
		}
		return err
	}
	s.o = o
	if s.source.NoConfig != nil {
		s.warn("CONFIG GET cannot be used: databases are counted by SELECT (%d), whether something is written "+
			"during the dump cannot be told, and the source's cache counts as on (%v)", s.source.Databases, o.explain(s.source.NoConfig))
	}
	err = s.prove(ctx, c)
	if re := (*ReplyError)(nil); errors.As(err, &re) && ofKey(re) && len(o.Prefix) > 0 {
		s.limited, s.probe = true, slices.Concat(o.Prefix, probe)
		err = s.prove(ctx, c)
	}
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", o.Addr, o.explain(err))
	}
	return s, nil
}

// Source returns what the server said of itself.
func (s *Scanner) Source() *ServerInfo { return s.source }

// Types returns the types that the source can hold, of those asked for (nil: all).
func (s *Scanner) Types(asked []format.Type) []format.Type {
	var types []format.Type
	for _, t := range format.Types {
		wanted := asked == nil || slices.Contains(asked, t)
		if wanted && (t != format.TypeStream || s.source.Streams() && !s.o.NoStreams) {
			types = append(types, t)
		}
	}
	return types
}

// BinlogPositions reads how far the binlog of each database is written now: equal positions before
// and after a dump mean that nothing was written meanwhile. Of a source that was restarted they
// mean nothing, and there are none.
func (s *Scanner) BinlogPositions(ctx context.Context) ([]format.BinlogPosition, error) {
	c, err := s.dial(ctx, 0)
	if err != nil {
		return nil, err
	}
	defer c.close()
	p, err := c.binlogPositions(ctx, s.source)
	if s.Restarted() {
		p = []format.BinlogPosition{}
	}
	return p, err
}

// Scan makes one pass. It returns nil only when the pass is complete.
func (s *Scanner) Scan(ctx context.Context, pass *Pass, sink Sink) error {
	c, err := s.d.scanConn(ctx, pass.DB, pass.Type)
	if err != nil {
		return err
	}
	defer c.end()
	w := &scan{exchange: exchange{s: s.session, c: c}, pass: pass, sink: sink, end: pass.bound()}
	switch pass.Type {
	case format.TypeString:
		err = w.run(ctx, stringReader{w, s.listing != byRange})
	case format.TypeStream:
		err = w.streams(ctx)
	default:
		err = w.run(ctx, &collectionReader{w: w, c: s.collection(pass.Type)})
	}
	if err != nil {
		return fmt.Errorf("scan db%d %s: %w", pass.DB, pass.Type, err)
	}
	return nil
}

// Restarted reports whether the source was restarted since it was opened: what it then holds need
// not follow from what it held.
func (s *Scanner) Restarted() bool { return s.seen.restarts.Load() > 0 }
