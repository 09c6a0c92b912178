package reader

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// nameBytes is the size of a reply to KEYS above which streams are listed prefix by prefix.
const nameBytes = 16 << 20

// keysOf lists the streams whose names match pattern, in byte order.
func (c *conn) keysOf(ctx context.Context, pattern string, most int) ([][]byte, error) {
	var b batch
	b.add("KEYS", pattern, "stream")
	p, err := c.send(ctx, &b, &replyBuffer{max: most})
	if err != nil {
		return nil, err
	}
	return p.bulks(nil, 1)
}

// streams walks the streams. No range command lists them: KEYS pattern stream does, in one
// reply (SERVERS.md P13).
func (w *walk) streams(ctx context.Context) error {
	w.end, _ = w.pass.advance(nil, 0) // there is nothing to split
	if !w.s.source.ManyTypes() {
		none, err := w.c.countedNone(ctx, w.pass.DB)
		if err != nil || none {
			return err
		}
	}
	lim := w.s.limit(firstPiece, w.s.o.PieceElements)
	return w.streamsUnder(ctx, w.pass.Prefix, &lim)
}

// streamsUnder hands over the streams whose names begin with prefix. Where their names are too many
// for one reply it goes on with longer prefixes.
func (w *walk) streamsUnder(ctx context.Context, prefix []byte, lim *limit) error {
	if w.end != nil && bytes.Compare(prefix, w.end) >= 0 {
		return nil
	}
	if next := successor(prefix); next != nil && bytes.Compare(next, w.pass.first()) <= 0 {
		return nil
	}
	if _, err := w.ready(ctx); err != nil {
		return err
	}
	names, err := w.c.keysOf(ctx, escapeGlob(prefix)+"*", w.s.nameBytes)
	if err == nil {
		w.lost = 0
		return w.readStreams(ctx, names, lim)
	}
	if deeper, err := w.listLess(ctx, err); !deeper {
		return err
	}
	if err := w.streamNamed(ctx, prefix, lim); err != nil {
		return err
	}
	for c := 0; c <= math.MaxUint8 && !w.full(); c++ {
		if err := w.streamsUnder(ctx, append(bytes.Clone(prefix), byte(c)), lim); err != nil {
			return err
		}
	}
	return nil
}

// listLess reports whether after err the names should be listed by longer prefixes.
func (w *walk) listLess(ctx context.Context, err error) (bool, error) {
	var re *ReplyError
	switch {
	case errors.Is(err, errReplyTooLarge): // the rest of the reply is still to come
		return true, w.c.renew(ctx)
	case errors.As(err, &re):
		return strings.Contains(re.Reply, "max-client-response-size"), err
	case errors.Is(err, errLost) && !w.s.source.ManyTypes():
		return false, fmt.Errorf("%w; Pika 4.0 walks over all keys to list streams, whatever their prefix, and closes the connection when that takes longer than its timeout: "+
			"CONFIG SET timeout 0 there for the time of the dump, or leave the streams out with --streams off", err)
	}
	return w.again(ctx, err)
}

// readStreams hands over the streams of a listing.
func (w *walk) readStreams(ctx context.Context, names [][]byte, lim *limit) error {
	for i, key := range names {
		if i > 0 && bytes.Compare(names[i-1], key) > 0 {
			// It lists a thousand names at a time, by the cursor table of SCAN.
			return fmt.Errorf("%w: the list of streams is not in order at %s: another client's KEYS came between; try again when none runs", ErrUnavailable, quoteKey(key))
		}
		if bytes.Compare(key, w.pass.first()) < 0 || w.end != nil && bytes.Compare(key, w.end) >= 0 {
			continue
		}
		ok, reason, err := w.wants(key)
		if err == nil && reason != "" {
			err = w.sink.Skip(key, reason, "")
		}
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		err = w.stream(ctx, key, lim)
		var re *ReplyError
		if errors.As(err, &re) && re.wrongType() && w.rec.Part&format.PartFirst != 0 {
			err = w.sink.Skip(key, Retyped, re.Reply)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// streamNamed hands over the stream of that very name, if there is one.
func (w *walk) streamNamed(ctx context.Context, key []byte, lim *limit) error {
	if !w.s.source.ManyTypes() && bytes.ContainsAny(key, "\r\n") {
		// XLEN could answer an error with the key in it, whose line end breaks the reply.
		names, err := w.c.keysOf(ctx, escapeGlob(key), w.s.nameBytes)
		if err != nil {
			return err
		}
		return w.readStreams(ctx, names, lim)
	}
	p, err := w.c.do(ctx, "XLEN", key)
	if err != nil {
		return err
	}
	n, err := p.integer()
	var re *ReplyError
	if errors.As(err, &re) && (re.wrongType() || re.noSuchKey()) || err == nil && n == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	return w.readStreams(ctx, [][]byte{key}, lim)
}

// escapeGlob returns a pattern that matches prefix itself.
func escapeGlob(prefix []byte) string {
	var s strings.Builder
	for _, c := range prefix {
		if strings.IndexByte(`*?[]\^-`, c) >= 0 {
			s.WriteByte('\\')
		}
		s.WriteByte(c)
	}
	return s.String()
}
