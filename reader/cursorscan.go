package reader

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// scanFirst is COUNT of the first SCAN, and scanCount of those after it: more than a thousand is
// done in steps on the server. All clients share the table of places, by the number of the cursor,
// and a scan with a pattern that came by the same number takes ours far ahead without a sign
// (SERVERS.md P16). So our cursors are no multiples of 2, 3, 5 or 7: 991, and then steps of
// 4×2×3×5×7.
const (
	scanFirst = 991
	scanCount = 840
)

// lessScan returns a smaller COUNT that keeps to that as far as it can.
func lessScan(count int64) int64 {
	switch {
	case count > 210:
		return 210
	case count > 30:
		return 30
	}
	return 1
}

// A cursorScan walks all types of a database by SCAN.
type cursorScan struct {
	s      *Scanner
	pass   *Pass
	list   *scan   // lists, and paces
	blocks []block // in the order of SCAN
	place  typeTracker
	limit  adaptiveLimit // names read in one pipeline
	piece  adaptiveLimit // elements of a key
	cursor int64
	// restarts is how often the source had been restarted when the walk began.
	restarts int64
	names    resp.Buffer
	buf      resp.Buffer // of a pipeline
	b        resp.Batch
}

// A block is what SCAN lists of one type.
type block struct {
	w      *scan // its sink is nil if the type is not wanted
	reader typeReader
}

// ScanCursor walks a database by SCAN, for a source that has nothing better, and hands each type's
// keys in order to its sink, which is nil for types that are not wanted. Of pass the database,
// prefix, Keep and Limit count. It has to be made in one go: the place is kept by the server, which
// can lose it; then ScanCursor fails. Streams are not in it.
func (s *Scanner) ScanCursor(ctx context.Context, pass *Pass, sinkFor func(format.Type) Sink) error {
	c, err := s.d.scanConn(ctx, pass.DB, "")
	if err != nil {
		return err
	}
	defer c.end()
	cw := &cursorScan{s: s, pass: pass, list: &scan{exchange: exchange{s: s.session, c: c}, pass: pass}, restarts: s.seen.restarts.Load(), limit: s.adaptiveLimit(1, s.o.BatchKeys), piece: s.adaptiveLimit(firstPiece, s.o.PieceElements)}
	for _, t := range s.source.version.cursorOrder() {
		p := NewPass(pass.DB, t, nil, nil)
		p.Prefix, p.Keep, p.Limit = pass.Prefix, pass.Keep, pass.Limit
		w := &scan{exchange: exchange{s: s.session, c: c}, pass: p, sink: sinkFor(t), end: p.bound()}
		b := block{w: w, reader: &collectionReader{w: w, c: s.collection(t)}}
		if t == format.TypeString {
			b.reader = stringReader{w, true}
		}
		cw.blocks = append(cw.blocks, b)
	}
	cw.place.blocks = len(cw.blocks)
	if err := cw.run(ctx); err != nil {
		return fmt.Errorf("scan db%d by cursor: %w", pass.DB, err)
	}
	return nil
}

func (cw *cursorScan) run(ctx context.Context) error {
	for more := true; more && !cw.full(); {
		var names [][]byte
		var err error
		if names, more, err = cw.page(ctx); err != nil {
			return err
		}
		for len(names) > 0 {
			n, err := cw.read(ctx, names[:min(len(names), cw.limit.n)])
			if err != nil {
				return err
			}
			names = names[n:]
		}
	}
	return cw.late(ctx, cw.place.finish())
}

// full reports whether no type wants more keys.
func (cw *cursorScan) full() bool {
	for _, b := range cw.blocks {
		if b.w.sink != nil && !b.w.full() {
			return false
		}
	}
	return true
}

// page asks for the next names, and checks that the server did not lose the place: it answers
// a cursor that it does not know as if it were 0 (SERVERS.md P16).
func (cw *cursorScan) page(ctx context.Context) (names [][]byte, more bool, err error) {
	if _, err := cw.list.ready(ctx); err != nil {
		return nil, false, err
	}
	count := cw.s.scanCount
	if count == scanCount && cw.cursor == 0 {
		count = scanFirst
	}
	ask := func() {
		cw.b.Reset()
		cw.b.Add("SCAN", cw.cursor, "COUNT", count)
	}
	ask()
	p, _, err := cw.list.roundTripOrLess(ctx, &cw.b, &cw.names, 0, func() bool {
		can := count > 1
		count = lessScan(count)
		ask()
		return can
	})
	if err != nil {
		return nil, false, err
	}
	if cw.s.seen.restarts.Load() != cw.restarts {
		return nil, false, fmt.Errorf("%w: the source was restarted, and so lost the place of SCAN: dump again, into another directory", ErrUnavailable)
	}
	text := p.Head()
	if p.Err() != nil {
		return nil, false, p.Err()
	}
	next, err := resp.ParseInt(text)
	want := cw.cursor + count
	// 2.x takes the next number that is free.
	bumped := !cw.s.source.version.atLeast(3, 0, 0) && next > want
	if err != nil || next != 0 && next != want && !bumped {
		return nil, false, fmt.Errorf("%w: SCAN %d COUNT %d answers cursor %s, not %d: the source lost its place; "+
			"is another client scanning, or was it restarted? Dump again, into another directory, when no other scan runs", ErrUnavailable, cw.cursor, count, text, want)
	}
	if names = p.Bulks(nil, 1); p.Err() != nil {
		return nil, false, p.Err()
	}
	if next != 0 && len(names) > 0 && cw.place.started && bytes.Equal(names[0], cw.place.last) && bytes.Equal(names[0], names[len(names)-1]) {
		return nil, false, changed(names[0], "and nothing else on a whole page, so that it would never end")
	}
	cw.cursor = next
	return names, next != 0, nil
}

// read reads names that SCAN listed, in one pipeline: of each name the first piece of every type,
// and behind them the expiries. It returns how many it has read: fewer where the replies are too
// large.
func (cw *cursorScan) read(ctx context.Context, names [][]byte) (int, error) {
	if _, err := cw.list.ready(ctx); err != nil {
		return 0, err
	}
	places := make([]int, 0, len(names))
	for i, n := range names {
		if !cw.wants(n) {
			continue
		}
		if !cw.s.source.ManyTypes() && bytes.ContainsAny(n, "\r\n") {
			// SSCAN of a key of another type answers an error with the key in it, whose line end
			// breaks the reply.
			return 0, fmt.Errorf("%w: the name %s has a line end, and cannot be read by cursor from Pika %s; leave out --scan scan", ErrRefused, resp.Quote(n), cw.s.source.Version)
		}
		places = append(places, i)
	}
	exp := expiries{x: &cw.list.exchange}
	piece, values := 0, 0
	build := func() {
		piece = cw.piece.n
		cw.b.Reset()
		for _, i := range places {
			for _, b := range cw.blocks {
				b.reader.ask(&cw.b, names[i], piece)
			}
			if cw.streams() {
				cw.b.Add("XLEN", names[i])
			}
		}
		values = cw.b.Len()
		exp.ask(&cw.b, names, places)
	}
	build()
	p, took, err := cw.list.roundTripOrLess(ctx, &cw.b, &cw.buf, len(places), func() bool {
		cw.limit.n = less(cw.limit.n)
		can := cw.piece.n > 1 || len(names) > 1
		cw.piece.n = less(cw.piece.n)
		names = names[:less(len(names))]
		for len(places) > 0 && places[len(places)-1] >= len(names) {
			places = places[:len(places)-1]
		}
		build()
		return can
	})
	if errors.Is(err, resp.ErrTooLarge) { // of one name
		return 1, cw.leaveOut(ctx, names[0])
	}
	if err != nil {
		return 0, err
	}
	from := p.Offset()
	q := p.Take(values)
	if err := exp.read(ctx, p); err != nil {
		return 0, err
	}
	for i, name := range names {
		if len(places) == 0 || places[0] != i {
			if err := cw.goPast(ctx, name); err != nil {
				return 0, err
			}
			continue
		}
		k := len(exp.at) - len(places)
		places = places[1:]
		if err := cw.put(ctx, q, name, &exp, k, piece); err != nil {
			return 0, err
		}
	}
	for _, b := range cw.blocks { // the largest of any type
		cw.list.element, b.w.element = max(cw.list.element, b.w.element), 0
	}
	cw.list.learn(&cw.piece)
	cw.limit.saw(len(names), p.Offset()-from)
	cw.limit.lasted(len(names), took)
	return len(names), nil
}

// leaveOut lists a name whose value cannot be taken in.
func (cw *cursorScan) leaveOut(ctx context.Context, name []byte) error {
	sink, err := cw.unread(ctx, name)
	if err == nil && sink != nil {
		err = sink.Skip(name, TooLarge, aboveAll)
	}
	return err
}

// unread places a name that is not read, and returns the sink of its type, which may be nil.
func (cw *cursorScan) unread(ctx context.Context, name []byte) (Sink, error) {
	at, late, err := cw.place.unread(name)
	if err != nil {
		return nil, err
	}
	return cw.blocks[at].w.sink, cw.late(ctx, late)
}

// streams reports whether SCAN lists streams, which it does last on 4.0. On 3.5 it is not used
// where there are any.
func (cw *cursorScan) streams() bool { return cw.s.source.Streams() && !cw.s.source.ManyTypes() }

// wants reports whether a name is to be read.
func (cw *cursorScan) wants(name []byte) bool {
	return bytes.HasPrefix(name, cw.pass.Prefix) && (cw.pass.Keep == nil || cw.pass.Keep(name)) && !IsInternal(name)
}

// goPast goes past a name that is not read.
func (cw *cursorScan) goPast(ctx context.Context, name []byte) error {
	sink, err := cw.unread(ctx, name)
	if err == nil && sink != nil && IsInternal(name) && bytes.HasPrefix(name, cw.pass.Prefix) {
		err = sink.Skip(name, Internal, "")
	}
	return err
}

// put takes the replies of one name, the k-th of exp, and hands over the type that SCAN listed it
// for.
func (cw *cursorScan) put(ctx context.Context, p *resp.Replies, name []byte, exp *expiries, k, piece int) error {
	var found [8]int // where the replies of each type begin; 0: there is none
	var has typeSet
	var there TypeSet
	for i, b := range cw.blocks {
		from := p.Offset()
		p.Answers("read "+string(b.w.pass.Type), name)
		if holdsType(p, b.w.pass.Type) {
			has |= 1 << i
			there |= holds(b.w.pass.Type)
			found[i] = from
		}
	}
	if cw.streams() {
		p.Answers("XLEN", name)
		n := int64(0)
		if re := p.Refused(); re == nil {
			n = p.Integer()
		} else if !re.WrongType() && !re.NoSuchKey() {
			return re
		}
		if n > 0 { // it comes with the pass over the streams
			return nil
		}
	}
	if p.Err() != nil {
		return p.Err()
	}
	if !cw.s.source.ManyTypes() && cw.place.started && bytes.Equal(name, cw.place.last) {
		if sink := cw.blocks[cw.place.at].w.sink; sink != nil { // SERVERS.md P4
			return sink.Skip(name, Duplicate, "")
		}
		return nil
	}
	at, late, err := cw.place.listed(name, has)
	if err != nil {
		return err
	}
	if err := cw.late(ctx, late); err != nil {
		return err
	}
	w := cw.blocks[at].w
	expire := exp.of(k, w.pass.Type, there)
	switch {
	case w.sink == nil || w.full():
		return nil
	case has&(1<<at) == 0:
		return w.gone(name, expire)
	}
	w.kept++
	q := p.At(found[at])
	return w.put(ctx, cw.blocks[at].reader, q, [][]byte{name}, expire, piece)
}

// late reads names of which it turned out only now that they were listed for a type.
func (cw *cursorScan) late(ctx context.Context, names []lateName) error {
	for _, n := range names {
		b := cw.blocks[n.at]
		if b.w.sink == nil || b.w.full() {
			continue
		}
		exp := expiries{x: &b.w.exchange, typ: b.w.pass.Type}
		piece := cw.piece.n
		cw.b.Reset()
		var buf resp.Buffer
		p, _, err := b.w.roundTripOrFewer(ctx, &cw.b, &buf, 1, &piece, func() {
			b.reader.ask(&cw.b, n.name, piece)
			exp.ask(&cw.b, [][]byte{n.name}, []int{0})
		})
		if err != nil {
			return err
		}
		value := *p
		ok := holdsType(p, b.w.pass.Type)
		if err := exp.read(ctx, p); err != nil {
			return err
		}
		if ok && !isGone(exp.at[0]) {
			b.w.kept++
			if err := b.w.put(ctx, b.reader, &value, [][]byte{n.name}, exp.at[0], piece); err != nil {
				return err
			}
		}
	}
	return nil
}
