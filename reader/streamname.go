package reader

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// nameBytes is the size of a reply to KEYS above which streams are listed prefix by prefix.
const nameBytes = 16 << 20

// keysStep is how many names KEYS lists at once. It finds the place of the next ones in the table
// of SCAN, where another client's KEYS can have moved it (SERVERS.md P13).
const keysStep = 1000

// longPrefix is how long a prefix becomes at most where a name below it is too long for any list.
const longPrefix = 64

// streams walks the streams. No range command lists them: KEYS pattern stream does, in one
// reply (SERVERS.md P13).
func (w *scan) streams(ctx context.Context) error {
	w.end, _ = w.pass.advance(nil, 0) // there is nothing to split
	lim := w.s.adaptiveLimit(firstPiece, w.s.o.PieceElements)
	read := func(names [][]byte) error { return w.readStreams(ctx, names, &lim) }
	if !w.s.source.ManyTypes() {
		counted, err := w.streamsCounted(ctx)
		if err != nil || counted == 0 {
			return err
		}
		if counted > 0 && len(w.pass.Prefix) == 0 {
			names, err := w.listCounted(ctx, counted)
			if err != nil {
				return err
			}
			if names != nil {
				return read(names)
			}
		}
	}
	l := streamList{w: w, twice: true, each: read, unlisted: func(prefix []byte) error {
		return w.sink.Skip(prefix, Unlisted, "streams whose names begin with this, at least one of them too long for any list: raise max-client-response-size of the source")
	}}
	return l.under(ctx, w.pass.Prefix)
}

// A streamList lists the names of streams, by prefixes where they are too many for one reply.
type streamList struct {
	w        *scan
	whole    bool // of the whole database, whatever the range of the pass
	twice    bool // what the table of SCAN was needed for is listed twice
	each     func(names [][]byte) error
	unlisted func(prefix []byte) error // takes what begins the names that cannot be listed
}

// under lists the names that begin with prefix.
func (l *streamList) under(ctx context.Context, prefix []byte) error {
	w := l.w
	if !l.whole && w.outside(prefix) {
		return nil
	}
	if _, err := w.ready(ctx); err != nil {
		return err
	}
	names, err := l.listMost(ctx, escapeGlob(prefix)+"*", w.s.nameBytes)
	if err == nil {
		w.lost = 0
		return l.hand(names)
	}
	large := tooLarge(err)
	if deeper, err := w.listLess(ctx, err); !deeper {
		return err
	}
	if large && len(prefix) >= w.s.longPrefix {
		if long, err := l.tooLong(ctx, prefix); err != nil {
			return err
		} else if long {
			return l.long(ctx, prefix)
		}
	}
	if err := l.named(ctx, prefix); err != nil {
		return err
	}
	for _, name := range names {
		if len(name) > len(prefix) {
			return l.along(ctx, prefix, name)
		}
	}
	return l.below(ctx, prefix)
}

// below lists the names that are longer than prefix and begin with it.
func (l *streamList) below(ctx context.Context, prefix []byte) error {
	for c := 0; c <= math.MaxUint8 && !l.w.full(); c++ {
		if err := l.under(ctx, append(bytes.Clone(prefix), byte(c))); err != nil {
			return err
		}
	}
	return nil
}

// along does the same, of which name is one. What all names share takes one list a byte, of those
// that have another one there: on 4.0 each list walks over all keys.
func (l *streamList) along(ctx context.Context, prefix, name []byte) error {
	for range l.w.s.longPrefix {
		if len(name) == len(prefix) || l.w.full() {
			break
		}
		if _, err := l.w.ready(ctx); err != nil {
			return err
		}
		// They are kept while what begins as name is listed.
		beside, err := l.listMost(ctx, escapeGlob(prefix)+`[^\`+string(name[len(prefix):len(prefix)+1])+"]*", l.w.s.nameBytes/64)
		if err != nil {
			if deeper, err := l.w.listLess(ctx, err); !deeper {
				return err
			}
			return l.below(ctx, prefix)
		}
		prefix = name[:len(prefix)+1]
		if len(beside) > 0 {
			i, _ := slices.BinarySearchFunc(beside, prefix, bytes.Compare)
			if err := l.hand(beside[:i]); err != nil {
				return err
			}
			if err := l.under(ctx, prefix); err != nil {
				return err
			}
			return l.hand(beside[i:])
		}
		if err := l.named(ctx, prefix); err != nil {
			return err
		}
	}
	return l.below(ctx, prefix)
}

// hand hands names over, if there are any.
func (l *streamList) hand(names [][]byte) error {
	if len(names) == 0 {
		return nil
	}
	return l.each(names)
}

// outside reports whether no name that begins with prefix is in the range of the pass.
func (w *scan) outside(prefix []byte) bool {
	next := successor(prefix)
	return w.end != nil && bytes.Compare(prefix, w.end) >= 0 || next != nil && bytes.Compare(next, w.pass.first()) <= 0
}

// listMost lists the names that match pattern, in byte order. What took more than one step is
// listed twice, and either list counts: to lose a name the place would have to be moved past it in
// both.
func (l *streamList) listMost(ctx context.Context, pattern string, most int) ([][]byte, error) {
	var lists [2][][]byte
	for i := range lists {
		names, err := l.w.keysOf(ctx, pattern, most)
		if err != nil {
			return names, err
		}
		for j := 1; j < len(names); j++ {
			if bytes.Compare(names[j-1], names[j]) > 0 {
				return nil, fmt.Errorf("%w: the list of streams is not in order at %s: another client's KEYS came between; try again when none runs", ErrUnavailable, resp.Quote(names[j]))
			}
		}
		if lists[i] = names; !l.twice || len(names) < keysStep {
			break
		}
	}
	return merge(lists[0], lists[1]), nil
}

// merge merges names in order. What is in both is there as often as in the one that has it more
// often: a 4.0 lists several keys under one name (SERVERS.md P4).
func merge(a, b [][]byte) [][]byte {
	if len(b) == 0 {
		return a
	}
	all := make([][]byte, 0, max(len(a), len(b)))
	for len(a) > 0 && len(b) > 0 {
		switch n := bytes.Compare(a[0], b[0]); {
		case n < 0:
			all, a = append(all, a[0]), a[1:]
		case n > 0:
			all, b = append(all, b[0]), b[1:]
		default:
			all, a, b = append(all, a[0]), a[1:], b[1:]
		}
	}
	return append(append(all, a...), b...)
}

// listLess reports whether after err the names should be listed by longer prefixes.
func (w *scan) listLess(ctx context.Context, err error) (bool, error) {
	switch {
	case errors.Is(err, resp.ErrTooLarge): // the rest of the reply is still to come
		return true, w.c.renew(ctx)
	case tooLarge(err):
		return true, nil
	case !w.s.source.ManyTypes(): // keysOf has tried
		return false, err
	}
	return w.again(ctx, err)
}

// keysOf lists the streams whose names match pattern. A 4.0 walks over all keys for that, whatever
// the pattern: what was lost is asked again as it was, unless it took as long as the source's
// timeout.
func (w *scan) keysOf(ctx context.Context, pattern string, most int) ([][]byte, error) {
	for {
		start := time.Now()
		names, err := w.c.keysOf(ctx, pattern, most)
		if w.s.source.ManyTypes() || !transient(err) || ctx.Err() != nil {
			return names, err
		}
		again := err
		if t := w.s.source.Timeout; t == 0 || time.Since(start) < t || !errors.Is(err, errLost) {
			if again = w.c.retry(ctx, err); again == nil {
				continue
			}
		}
		if !errors.Is(err, errLost) {
			return nil, again
		}
		return nil, fmt.Errorf("%w; Pika 4.0 walks over all keys to list streams, whatever their prefix, and closes the connection when that takes longer than its timeout: "+
			"CONFIG SET timeout 0 there for the time of the dump, or leave the streams out with --streams off", again)
	}
}

// tooLong reports whether a name that begins with prefix is too long for any list: such a name
// would make prefixes longer for as long as it is.
func (l *streamList) tooLong(ctx context.Context, prefix []byte) (bool, error) {
	w := l.w
	limit, err := w.c.config(ctx, "max-client-response-size")
	if err != nil && w.s.source.NoConfig == nil {
		return false, err
	}
	most := w.s.nameBytes
	if n, err := strconv.Atoi(limit); err == nil && n > 0 {
		most = min(most, n)
	}
	_, err = w.keysOf(ctx, escapeGlob(prefix)+strings.Repeat("?", max(0, most-len("$\r\n\r\n")-len(limit)-len(prefix)))+"*", w.s.nameBytes)
	if err == nil {
		return false, nil
	}
	large := tooLarge(err)
	if deeper, err := w.listLess(ctx, err); !deeper {
		return false, err
	}
	return large, nil
}

// long lists the names that begin with prefix, one of which is too long for a list as we ask for
// it, or for any.
func (l *streamList) long(ctx context.Context, prefix []byte) error {
	names, err := l.w.keysOf(ctx, escapeGlob(prefix)+"*", resp.MaxReply)
	if transient(err) {
		if ok, err := l.w.again(ctx, err); !ok {
			return err
		}
		return l.long(ctx, prefix)
	}
	if err == nil {
		return l.each(names)
	}
	if !tooLarge(err) {
		return err
	}
	if _, err := l.w.listLess(ctx, err); err != nil {
		return err
	}
	if err := l.named(ctx, prefix); err != nil {
		return err
	}
	return l.unlisted(prefix)
}

// readStreams hands over the streams of a listing.
func (w *scan) readStreams(ctx context.Context, names [][]byte, lim *adaptiveLimit) error {
	for _, key := range names {
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
		if err := w.stream(ctx, key, lim); err != nil {
			return err
		}
	}
	return nil
}

// named lists the stream of that very name, if there is one.
func (l *streamList) named(ctx context.Context, key []byte) error {
	w := l.w
	if !w.s.source.ManyTypes() && bytes.ContainsAny(key, "\r\n") {
		// XLEN could answer an error with the key in it, whose line end breaks the reply.
		names, err := w.keysOf(ctx, escapeGlob(key), w.s.nameBytes)
		if err != nil {
			return err
		}
		return l.each(names)
	}
	p := w.c.do(ctx, "XLEN", key)
	if re := p.Refused(); re != nil && (re.WrongType() || re.NoSuchKey()) {
		return nil
	} else if re != nil {
		return re
	}
	if n := p.Integer(); n == 0 || p.Err() != nil {
		return p.Err()
	}
	return l.each([][]byte{key})
}

// escapeGlob returns a pattern that matches text itself. A pattern that ends in * and has no other
// of * ? [ ] Pika takes for a prefix as it is, with its backslashes (SERVERS.md P13): so a
// backslash stands in a class, and a * too, which could be the last byte. No other byte means
// anything outside a class.
func escapeGlob(text []byte) string {
	var s strings.Builder
	for _, c := range text {
		switch c {
		case '\\':
			s.WriteString(`[\\]`)
		case '*':
			s.WriteString("[*]")
		case '?', '[', ']':
			s.WriteByte('\\')
			s.WriteByte(c)
		default:
			s.WriteByte(c)
		}
	}
	return s.String()
}
