package reader

import (
	"bytes"
	"context"
	"encoding/binary"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// maxProbes is how many commands a split may take.
const maxProbes = 24

// Split takes the upper part of what a pass that is being made has yet to list, and returns
// it as a pass of its own; nil if there is nothing worth it. It probes for a middle between
// keys that are there, with PKSCANRANGE … LIMIT 1.
func (s *Scanner) Split(ctx context.Context, p *Pass) (*Pass, error) {
	low, high, ok := p.remaining()
	if !ok || s.listing != byRange || s.unsplit.Load() {
		return nil, nil
	}
	rest, err := s.split(ctx, p, low, high)
	if err != nil && ctx.Err() == nil {
		// It is not needed: PKRSCANRANGE may be forbidden, or walk for longer than the
		// source's timeout.
		s.unsplit.Store(true)
		return nil, nil
	}
	return rest, err
}

func (s *Scanner) split(ctx context.Context, p *Pass, low, high []byte) (*Pass, error) {
	c, err := s.dial(ctx, p.DB)
	if err != nil {
		return nil, err
	}
	defer c.close()
	last, err := s.lastKey(ctx, c, p, low, high)
	if err != nil || bytes.Compare(last, low) <= 0 {
		return nil, err
	}
	// Keys lie in (low, last]. Halve until the upper half holds some.
	high = last
	for range maxProbes {
		mid := middle(low, high)
		if mid == nil {
			return nil, nil
		}
		found, err := c.oneKey(ctx, "PKSCANRANGE", p.Type, mid, last)
		if err != nil {
			return nil, err
		}
		if found != nil {
			return p.cut(mid), nil
		}
		high = mid
	}
	return nil, nil
}

// A rangeEnd is where the range of a pass ends.
type rangeEnd struct {
	db   int
	typ  format.Type
	high string // empty: with the keyspace
}

// lastKey returns the last key of the pass's type between two keys; nil if there is none. It asks
// once for each high: on 4.0 it walks back over the keys of all other types that lie behind
// (SERVERS.md P1).
func (s *Scanner) lastKey(ctx context.Context, c *conn, p *Pass, low, high []byte) ([]byte, error) {
	end := rangeEnd{p.DB, p.Type, string(high)}
	if last, ok := s.lastKeys.Load(end); ok {
		return last.([]byte), nil
	}
	if s.limited && !bytes.HasPrefix(high, s.o.Prefix) { // where a range begins has to be allowed
		high = s.probe
	}
	last, err := c.oneKey(ctx, "PKRSCANRANGE", p.Type, high, low)
	if err == nil {
		s.lastKeys.Store(end, last)
	}
	return last, err
}

// middle returns a key half way between low and high, taking what follows their common
// prefix for a number; nil if there is none between.
func middle(low, high []byte) []byte {
	n := commonPrefix(low, high)
	a, b := number(low[n:]), number(high[n:])
	if b <= a || b-a < 2 {
		return nil
	}
	mid := binary.BigEndian.AppendUint64(bytes.Clone(high[:n]), a+(b-a)/2)
	mid = bytes.TrimRight(mid, "\x00")
	if bytes.Compare(mid, low) <= 0 || bytes.Compare(mid, high) >= 0 {
		return nil
	}
	return mid
}

// number returns the first eight bytes of key as a number.
func number(key []byte) uint64 {
	var b [8]byte
	copy(b[:], key)
	return binary.BigEndian.Uint64(b[:])
}
