package reader

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// A Scanner reads one Pika. Its methods may be called from many goroutines.
type Scanner struct {
	o        Options
	source   *Source
	unit     pttlUnit
	listing  listing
	hash     collection // how hashes are read
	warnings []string
	unsplit  atomic.Bool // splitting does not work here
	lastKeys sync.Map    // []byte by rangeEnd: where split has found them
	probe    []byte      // see probe
	limited  bool        // the account may use keys that begin with Options.Prefix only

	nameBytes  int   // see nameBytes
	longPrefix int   // see longPrefix
	maxReply   int   // see resp.MaxReply
	scanCount  int64 // see scanCount

	counts map[int]*databaseCount // by database; nil: none was ordered
}

// Open checks o, connects, identifies the server and proves by reading that the account may
// do what a dump needs.
func Open(ctx context.Context, o Options) (*Scanner, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	c, err := dialFirst(ctx, &o)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", o.Addr, o.explain(err))
	}
	defer c.close()
	s := &Scanner{probe: probe, nameBytes: nameBytes, longPrefix: longPrefix, maxReply: resp.MaxReply, scanCount: scanCount}
	if s.source, err = identify(ctx, c, &o); err != nil {
		return nil, fmt.Errorf("look at %s: %w", o.Addr, o.explain(err))
	}
	s.o = o
	if s.source.NoConfig != nil {
		s.warn("the parameters of the source cannot be read, so SELECT tells how many databases there are (%d), and no writes, the cache and the timeout are not known: %v", s.source.Databases, o.explain(s.source.NoConfig))
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
func (s *Scanner) Source() *Source { return s.source }

// Types returns the types that the source can hold, of those asked for (nil: all).
func (s *Scanner) Types(asked []format.Type) []format.Type {
	var types []format.Type
	for _, t := range format.Types {
		wanted := asked == nil
		for _, a := range asked {
			wanted = wanted || a == t
		}
		if wanted && (t != format.TypeStream || s.source.Streams() && !s.o.NoStreams) {
			types = append(types, t)
		}
	}
	return types
}

// BinlogPositions reads how far the binlog of each database is written now: equal
// positions before and after a dump mean that nothing was written meanwhile. Of a source that was restarted they mean nothing,
// and there are none.
func (s *Scanner) BinlogPositions(ctx context.Context) ([]format.BinlogPosition, error) {
	c, err := dial(ctx, &s.o, 0)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", s.o.Addr, err)
	}
	defer c.close()
	p, err := c.binlogPositions(ctx, s.source)
	if s.Restarted() {
		p = []format.BinlogPosition{}
	}
	return p, err
}

// prove sends each command that a dump needs. A Pika says OK to a wrong password when
// it has a limited user, and commands can be renamed or blacklisted (SERVERS.md P8).
func (s *Scanner) prove(ctx context.Context, c *conn) error {
	var b resp.Batch
	b.Add("TTL", s.probe)
	b.Add("PTTL", s.probe)
	b.Add("SSCAN", s.probe, 0, "COUNT", 1)
	b.Add("ZSCAN", s.probe, 0, "COUNT", 1)
	b.Add("LRANGE", s.probe, 0, 0)
	b.Add("LLEN", s.probe)
	if !s.source.ManyTypes() {
		b.Add("PFCOUNT", s.probe)
	}
	if err := c.prove(ctx, &b); err != nil {
		return err
	}
	if s.source.Streams() && !s.o.NoStreams {
		b.Reset()
		b.Add("KEYS", string(s.probe)+"*", "stream")
		b.Add("XRANGE", s.probe, "-", "+", "COUNT", 1)
		b.Add("XINFO", "STREAM", s.probe)
		b.Add("XLEN", s.probe)
		if err := c.prove(ctx, &b); errors.Is(err, ErrAuth) || errors.Is(err, ErrRefused) {
			return fmt.Errorf("%w; or leave the streams out with --streams off", s.o.explain(err))
		} else if err != nil {
			return err
		}
	}
	if err := s.chooseListing(ctx, c); err != nil {
		return err
	}
	if command := s.typeCommand(); s.source.ManyTypes() && command != "" {
		b.Reset()
		b.Add(command, s.probe)
		return c.prove(ctx, &b)
	}
	return nil
}

// probe is a key that hardly anybody has, behind nearly all others: a 4.0 walks from it over keys of other types, to the next
// of the type of a page or to the end of the keyspace (SERVERS.md P1, P13).
var probe = []byte("\xff\xff\xff\xffpikadump:probe")

// prove sends commands and returns an error if one of them cannot be used.
func (c *conn) prove(ctx context.Context, b *resp.Batch) error {
	p, err := c.send(ctx, b, &c.spare)
	if err != nil {
		return err
	}
	for i := range b.Len() {
		p.Answers(b.Name(i), nil)
		if err := proved(p); err != nil {
			return err
		}
	}
	return nil
}

// proved takes one reply, and returns an error if it shows that the command cannot be used.
func proved(p *resp.Replies) error {
	re, err := p.Err()
	switch {
	case err != nil:
		return err
	case re == nil:
		return p.Skip()
	case errors.Is(re, ErrAuth):
		return fmt.Errorf("%w: the account may not send what a dump needs: %w", ErrAuth, re)
	case re.UnknownCommand():
		return fmt.Errorf("%w: %w: it is renamed or blacklisted", ErrRefused, re)
	case re.WrongType(), re.NoSuchKey(): // the command works
		return nil
	}
	return re
}

// A Sink takes what a pass finds, in key order, from one goroutine. What it is handed is
// valid until it returns. An error ends the pass.
type Sink interface {
	// Record takes a key, or the next part of one.
	Record(r *format.Record) error
	// Skip takes a key that was listed but is not in the dump, and why.
	// A list of which some elements may be missing is handed over, and skipped as Changed behind its last part.
	Skip(key []byte, reason Reason, detail string) error
	// Drop takes back what it was handed of a key whose last part has not come. Its records follow anew, or Skip
	// with the reason; empty: it is not known yet.
	Drop(key []byte, reason Reason) error
}

// A Reason says why a listed key was not handed over.
type Reason string

// The reasons.
const (
	Expired   Reason = "expired"        // its expiry came before it was read: nothing is lost
	Gone      Reason = "gone"           // deleted before it was read
	Retyped   Reason = "retyped"        // of another type when it was read (4.0)
	Changed   Reason = "changed"        // changed each time it was read, so that its pieces did not fit one another
	Duplicate Reason = "duplicate-name" // listed under the name of the key before: its own was cut at a NUL (4.0)
	Internal  Reason = "internal"       // Pika's own bookkeeping for slot migration
	TooLarge  Reason = "too-large"      // an element is above what the format and every target can hold
	Unlisted  Reason = "unlisted"       // streams whose names begin so cannot be listed by the source

	// DeletedOrExpired: which of both cannot be told. By two looks the source does not have it any more.
	DeletedOrExpired Reason = "deleted-or-expired"

	Unreadable Reason = "unreadable" // the source does not answer what can be understood when it is read, but does for others
	// ExpiryUnknown is said of a key behind its records, which have no expiry: TTL spoke of another type of the name (up to 3.5).
	ExpiryUnknown Reason = "expiry-unknown"
)

// Scan makes one pass. It returns nil only when the pass is complete.
func (s *Scanner) Scan(ctx context.Context, pass *Pass, sink Sink) error {
	c, err := dial(ctx, &s.o, pass.DB)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", s.o.Addr, err)
	}
	defer c.close()
	w := &walk{s: s, c: c, pass: pass, sink: sink, end: pass.bound()}
	switch pass.Type {
	case format.TypeString:
		err = w.run(ctx, stringReader{w, s.listing != byRange})
	case format.TypeStream:
		err = w.streams(ctx)
	default:
		err = w.run(ctx, newCollectionReader(w, s.collection(pass.Type)))
	}
	if err != nil {
		return fmt.Errorf("scan db%d %s: %w", pass.DB, pass.Type, err)
	}
	return nil
}
