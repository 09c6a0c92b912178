package reader

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// A pageScan walks a pass page by page. While it hands over what one pipeline has brought the next
// is under way, so that the server works while we do.
type pageScan struct {
	w        *scan
	r        typeReader
	word     string
	group    int
	pageLim  adaptiveLimit
	batchLim adaptiveLimit
	pieceLim adaptiveLimit // elements of a key
	ahead    bool          // pipelines may go before the one before is handed over
	legs     [2]leg
	pages    [3]page // of the keys that are handed over, of those on their way, and one to fill

	page  *page    // the page at hand
	items [][]byte // of it, still to be read
	at    []byte   // where the next page begins
	n     int      // and how many keys it has
	more  bool     // there is one
	giant bool     // the last leg that read keys brought one
}

// A leg is a pipeline of a pageScan. It brings the values of a batch of keys and their expiries,
// and before them, where they are the last of their page, the next page.
type leg struct {
	pipeline
	batch  resp.Batch
	page   *page    // where the keys are
	into   *page    // where the replies go
	take   [][]byte // items of the keys
	wanted []int    // places in them
	skips  []skip
	piece  int // elements of a key that were asked for
	values int // replies that bring them
	exp    expiries
	turns  bool   // the next page is asked for
	at     []byte // where it begins
	n      int    // and how many keys it has
}

// firstPiece is how many elements of a key are asked for before it is known how large they are.
const firstPiece = 64

// mostAhead is the most bytes of a request that goes ahead: more could fill what the kernel
// takes from us (sendBuffer), while the server waits for us to read.
const mostAhead = 64 << 10

func (w *scan) run(ctx context.Context, r typeReader) error {
	at := w.pass.first()
	if w.end != nil && bytes.Compare(at, w.end) >= 0 {
		w.pass.advance(nil, 0)
		return nil
	}
	pw := &pageScan{w: w, r: r, at: at, more: true}
	pw.pageLim, pw.batchLim, pw.pieceLim = w.s.adaptiveLimit(1, w.s.o.PageKeys), w.s.adaptiveLimit(1, w.s.o.BatchKeys), w.s.adaptiveLimit(firstPiece, r.most())
	pw.word, pw.group = r.word()
	pw.n = pw.pageLim.n
	// With a pacer nothing goes ahead: what is read before a long wait must not be handed over
	// after it.
	_, pw.ahead = w.s.o.Pacer.(unpaced)
	l, err := pw.next(ctx, nil)
	if err != nil {
		return err
	}
	w.c.write(ctx, &l.pipeline)
	for l != nil && err == nil {
		l, err = pw.step(ctx, l)
	}
	return err
}

// step receives a leg and hands over what it brought. It returns the next, which is under way; nil
// at the end.
func (pw *pageScan) step(ctx context.Context, l *leg) (*leg, error) {
	// While the connection is lost over it, or the replies are too large, less is asked for.
	p, took, err := pw.w.receiveOrRetry(ctx, &l.pipeline, len(l.wanted), func() bool { return pw.less(l) })
	if errors.Is(err, resp.ErrTooLarge) {
		p, took, err = &resp.Replies{}, 0, pw.leaveOut(ctx, l)
	}
	if err != nil {
		return nil, err
	}
	if l.turns {
		err = pw.turn(p, l, took)
	}
	if len(l.wanted) > 0 {
		pw.giant = l.into.buf.Giant()
	}
	pw.batchLim.saw(len(l.wanted), p.Len()-p.Offset())
	pw.batchLim.lasted(len(l.wanted), took)
	var next *leg
	if err == nil && pw.ahead {
		next, err = pw.next(ctx, l)
		if next != nil && len(next.batch.Bytes()) <= mostAhead {
			pw.w.c.write(ctx, &next.pipeline)
			pw.w.c.ahead = &next.pipeline
		}
	}
	if err := pw.put(ctx, p, l); err != nil {
		return nil, err
	}
	if err == nil && !pw.ahead {
		next, err = pw.next(ctx, l)
	}
	if next != nil && next.sent.IsZero() {
		pw.w.c.write(ctx, &next.pipeline)
	}
	pw.release(l, next)
	return next, err
}

// release gives back the giants that were handed over with a leg, before the next brings another.
func (pw *pageScan) release(done, next *leg) {
	for i := range pw.pages {
		p := &pw.pages[i]
		if !p.buf.Giant() || p == pw.page && len(pw.items) > 0 ||
			next != nil && (p == next.into || p == next.page && len(next.take) > 0) {
			continue
		}
		clear(p.items[:cap(p.items)])
		clear(done.exp.keys[:cap(done.exp.keys)])
		p.next, done.take = nil, nil
		pw.w.forget(&p.buf)
	}
}

// next makes the leg behind last; nil if there is nothing left to read.
func (pw *pageScan) next(ctx context.Context, last *leg) (*leg, error) {
	if len(pw.items) == 0 && !pw.more {
		return nil, nil
	}
	w := pw.w
	long, err := w.ready(ctx)
	if err != nil {
		return nil, err
	}
	if long && len(pw.items) > 0 { // what came with the page is old: it is asked for again
		pw.at, pw.n, pw.more, pw.items = bytes.Clone(pw.items[0]), pw.pageLim.n, true, nil
	}
	l := &pw.legs[0]
	if l == last {
		l = &pw.legs[1]
	}
	l.page, l.into = pw.page, pw.spare(last)
	l.take = pw.items[:min(len(pw.items), pw.batchLim.n*pw.group)]
	pw.items = pw.items[len(l.take):]
	if err := w.choose(l, pw.group); err != nil {
		return nil, err
	}
	if w.full() {
		pw.items, pw.more = nil, false
	}
	l.turns, l.at, l.n = len(pw.items) == 0 && pw.more, pw.at, pw.n
	if len(l.take) > 0 && (pw.giant || pw.page.buf.Giant()) { // the next page can bring another
		l.turns = false
	}
	l.exp.x, l.exp.typ = &w.exchange, w.pass.Type
	pw.ask(l)
	w.bound(&l.into.buf, (!l.turns || l.n == 1) && len(l.take) <= pw.group && (len(l.wanted) == 0 || l.piece == 1))
	l.pipeline = pipeline{b: &l.batch, buf: &l.into.buf}
	return l, nil
}

// spare returns the page in which nothing lies that is still to be handed over.
func (pw *pageScan) spare(last *leg) *page {
	for i := range pw.pages {
		p := &pw.pages[i]
		if p != pw.page && (last == nil || p != last.page && p != last.into) {
			return p
		}
	}
	panic("reader: three pages are in use")
}

func (pw *pageScan) ask(l *leg) {
	l.batch.Reset()
	if l.turns {
		pw.w.s.askPage(&l.batch, pw.word, l.at, pw.w.end, l.n)
	}
	l.piece, l.values = pw.pieceLim.n, -l.batch.Len()
	for _, k := range l.wanted {
		pw.r.ask(&l.batch, l.take[k], l.piece)
	}
	l.values += l.batch.Len()
	l.exp.ask(&l.batch, l.take, l.wanted)
}

// less makes a leg ask for less: smaller pieces, a smaller page, fewer keys. The others are read by
// the legs behind it.
func (pw *pageScan) less(l *leg) (can bool) {
	pw.batchLim.n = less(pw.batchLim.n)
	can = len(l.wanted) > 1 && pw.w.apart == 0
	pw.w.apart = apartFor
	if len(l.wanted) > 0 && pw.pieceLim.n > 1 {
		pw.pieceLim.n, can = less(pw.pieceLim.n), true
	}
	if l.turns && l.n > 1 {
		l.n, can = less(l.n), true
		pw.pageLim.n, pw.n = l.n, l.n
	}
	if n := len(l.take) / pw.group; n > 1 {
		pw.cut(l, less(n))
		can = true
	}
	if !can && l.turns && len(l.take) > 0 { // each by itself
		l.turns, can = false, true
	}
	pw.ask(l)
	return can
}

// cut leaves only the first keys to a leg.
func (pw *pageScan) cut(l *leg, keys int) {
	n, w := keys*pw.group, pw.w
	pw.items = l.take[n : len(l.take)+len(pw.items)] // they stand behind one another in the page
	l.take, l.turns = l.take[:n], false
	for len(l.wanted) > 0 && l.wanted[len(l.wanted)-1] >= n {
		l.wanted = l.wanted[:len(l.wanted)-1]
		w.kept--
	}
	for len(l.skips) > 0 && l.skips[len(l.skips)-1].place >= n {
		l.skips = l.skips[:len(l.skips)-1]
	}
	w.last = append(w.last[:0], l.take[n-pw.group]...)
}

// aboveAll says of a value that it is above the limit of a dump, and of all that we take in at
// once.
const aboveAll = "more than 1 GiB"

// leaveOut lists the key that a leg, which could not ask for less, was about: its value cannot be
// taken in.
func (pw *pageScan) leaveOut(ctx context.Context, l *leg) error {
	w := pw.w
	key := l.take
	if l.turns { // it is the next string
		var b resp.Batch
		w.s.askPage(&b, "string", l.at, w.end, 1)
		p := w.c.ask(ctx, &b, &l.into.buf)
		if err := w.readPage(p, l.into, l.at, 1); err != nil {
			return err
		}
		w.end, pw.more = w.pass.advance(l.into.next, 1)
		pw.page, pw.items, pw.at, pw.n = l.into, nil, l.into.next, 1
		l.turns, key = false, nil
		if len(l.into.items) > 0 {
			if ok, reason, err := w.wants(l.into.items[0]); err != nil || !ok && reason == "" {
				return err
			}
			key = l.into.items
		}
	}
	l.take, l.wanted = nil, nil
	pw.ask(l)
	if len(key) == 0 {
		return nil
	}
	return w.sink.Skip(key[0], TooLarge, aboveAll)
}

// turn takes the page that a leg brought.
func (pw *pageScan) turn(p *resp.Replies, l *leg, took time.Duration) error {
	err := pw.w.readPage(p, l.into, l.at, pw.group)
	if errors.Is(err, errStuck) && l.n < maxStuck {
		pw.n = 4 * l.n
		return nil
	}
	if err != nil {
		return err
	}
	keys := len(l.into.items) / pw.group
	pw.pageLim.saw(keys, l.into.bytes)
	pw.pageLim.lasted(keys, took)
	pw.w.end, pw.more = pw.w.pass.advance(l.into.next, max(keys, l.into.bytes>>10))
	pw.page, pw.items, pw.at, pw.n = l.into, l.into.items, l.into.next, pw.pageLim.n
	if l.into.buf.Giant() { // which nothing is to hold on to
		pw.at = bytes.Clone(pw.at)
	}
	return nil
}

func (pw *pageScan) put(ctx context.Context, p *resp.Replies, l *leg) error {
	values := p.Take(l.values)
	if err := l.exp.read(ctx, p); err != nil {
		return err
	}
	left := l.skips
	for j, k := range l.wanted {
		var err error
		if left, err = pw.w.skipBefore(k, left, l.take); err != nil {
			return err
		}
		if err := pw.w.put(ctx, pw.r, values, l.take[k:k+pw.group], l.exp.at[j], l.piece); err != nil {
			return err
		}
	}
	pw.w.learn(&pw.pieceLim)
	_, err := pw.w.skipBefore(len(l.take), left, l.take)
	return err
}

// choose finds the keys of a leg that are to be read.
func (w *scan) choose(l *leg, group int) error {
	l.wanted, l.skips = l.wanted[:0], l.skips[:0]
	for k := 0; k < len(l.take); k += group {
		ok, reason, err := w.wants(l.take[k])
		switch {
		case err != nil:
			return err
		case ok:
			l.wanted = append(l.wanted, k)
		case reason != "":
			l.skips = append(l.skips, skip{k, reason})
		}
	}
	return nil
}

// A skip is a listed key that is not for a dump. The sink hears of it in its turn: what it has
// heard of a key means that all before it is done.
type skip struct {
	place  int // in the items of the leg
	reason Reason
}

// skipBefore reports the skips at places before k, and returns the others.
func (w *scan) skipBefore(k int, skips []skip, items [][]byte) ([]skip, error) {
	for len(skips) > 0 && skips[0].place < k {
		if err := w.sink.Skip(items[skips[0].place], skips[0].reason, ""); err != nil {
			return skips, err
		}
		skips = skips[1:]
	}
	return skips, nil
}
