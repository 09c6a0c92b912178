package reader

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// A listing is a way in which a Pika lists its keys (SERVERS.md P1, P16).
type listing int

const (
	byRange  listing = iota // PKSCANRANGE: pages of a type, with the values of strings
	byStart                 // SCANX: pages of a type, names only
	byCursor                // SCAN: all types in one walk, whose place the server keeps and can lose
)

// ways returns the listings to try, best first.
func (s *session) ways() ([]listing, error) {
	v := s.source.version
	switch {
	case s.o.Scan == ScanScan:
		return []listing{byCursor}, nil
	case v.atLeast(3, 0, 5): // 3.0.4 has PKSCANRANGE, with a wrong key to go on from
		return []listing{byRange, byStart}, nil
	case v.atLeast(3, 0, 3):
		return []listing{byStart}, nil
	case s.o.Scan == ScanRange:
		return nil, fmt.Errorf("%w: Pika %s lists no key ranges (PKSCANRANGE came with 3.0.5, SCANX with 3.0.3); leave out --scan range", ErrRefused, s.source.Version)
	}
	return []listing{byCursor}, nil
}

// chooseListing finds out which way to list keys works, and by which command hashes are read.
func (s *session) chooseListing(ctx context.Context, c *conn) error {
	ways, err := s.ways()
	if err != nil {
		return err
	}
	way, first, err := choose(ways, func(way listing) error { return s.proveListing(ctx, c, way) })
	switch {
	case isRefusal(err) && ways[0] == byRange:
		return fmt.Errorf("%w; SCANX cannot be used either; allow one of them to the account, or, at the price that --help tells, give --scan scan", err)
	case err != nil:
		return err
	case first != nil:
		s.warn("PKSCANRANGE cannot be used (%v). Keys are listed by SCANX instead, and strings read by GET, which can answer from the source's cache", s.o.explain(first))
	}
	s.listing = way
	return s.chooseHash(ctx, c)
}

// choose returns the first way that can be used, and why the first of all cannot. If none can, that
// is the error.
func choose[W any](ways []W, prove func(W) error) (chosen W, first, err error) {
	for _, way := range ways {
		if err = prove(way); err == nil {
			return way, first, nil
		}
		if first = cmp.Or(first, err); !isRefusal(err) {
			return chosen, first, err
		}
	}
	return chosen, first, first
}

// isRefusal reports whether the source does not let us do something that it may know.
func isRefusal(err error) bool { return errors.Is(err, ErrAuth) || errors.Is(err, ErrRefused) }

// proveListing sends the commands of one way.
func (s *session) proveListing(ctx context.Context, c *conn, way listing) error {
	var b resp.Batch
	switch way {
	case byRange:
		for _, t := range []string{"string", "string_with_value", "hash", "list", "zset", "set"} {
			b.Add("PKSCANRANGE", t, s.probe, s.probe, "LIMIT", 1)
		}
	case byStart:
		for _, t := range format.Types[:5] {
			b.Add("SCANX", string(t), s.probe, "COUNT", 1)
		}
		b.Add("GET", s.probe)
	case byCursor:
		b.Add("SCAN", 0, "COUNT", 1)
		b.Add("GET", s.probe)
	}
	if err := c.prove(ctx, &b); err != nil {
		return err
	}
	if way == byCursor {
		return s.checkCursor(ctx)
	}
	return nil
}

// chooseHash finds the best command for hashes that works.
func (s *session) chooseHash(ctx context.Context, c *conn) error {
	ways := []collection{hash{}, hashx{}, hashCursor}
	if !s.source.version.atLeast(3, 0, 3) {
		ways = ways[2:]
	} else if !s.source.version.atLeast(3, 0, 5) {
		ways = ways[1:]
	}
	var err error
	s.hash, _, err = choose(ways, func(h collection) error {
		var b resp.Batch
		h.ask(&b, s.probe, &position{}, 1)
		return c.prove(ctx, &b)
	})
	return err
}

// checkCursor refuses to scan by cursor where that never ends: on 3.5.3 to 3.5.5 SCAN forgets
// its place inside the streams (SERVERS.md P16).
func (s *session) checkCursor(ctx context.Context) error {
	if !s.source.Streams() || !s.source.ManyTypes() {
		return nil
	}
	for db := range s.source.Databases {
		c, err := s.dial(ctx, db)
		if err != nil {
			return err
		}
		names, err := c.keysOf(ctx, "*", s.nameBytes)
		c.close()
		if err != nil && !tooLarge(err) {
			return err
		}
		if err != nil || len(names) > 0 {
			return fmt.Errorf("%w: db%d has streams, in which SCAN of Pika %s loses its place and begins anew for ever; leave out --scan scan", ErrRefused, db, s.source.Version)
		}
	}
	return nil
}

// prove sends each command that a dump needs. A Pika says OK to a wrong password when
// it has a limited user, and commands can be renamed or blacklisted (SERVERS.md P8).
func (s *session) prove(ctx context.Context, c *conn) error {
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
		if err := c.prove(ctx, &b); isRefusal(err) {
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
