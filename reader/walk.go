package reader

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// A walk is a pass that is being made.
type walk struct {
	s       *Scanner
	c       *conn
	pass    *Pass
	sink    Sink
	end     []byte // bound of the pass, for the keys at hand
	last    []byte // the key listed last
	started bool
	kept    int64 // keys to be read so far
	lost    int   // connections in a row
	rec     format.Record
	pieces  replyBuffer // replies of the collection that is being read in pieces
	part    replyBuffer // replies of a part of a batch
}

// A typeReader reads the values of the keys of one type.
type typeReader interface {
	// word is the type as PKSCANRANGE calls it, and group how many items of its reply
	// belong to one key.
	word() (word string, group int)
	// ask adds the commands that read the key to b.
	ask(b *batch, key []byte)
	// less makes the next ask for less, and reports false if it cannot; more undoes a step of it.
	less() bool
	more()
	// put takes the replies to ask and hands the key over. Items are those of
	// the page: the key, and what came with it.
	put(ctx context.Context, p *parser, items [][]byte, expire int64) error
}

// run walks the pages of keys. Each flight reads the expiries and values of one
// batch of keys; the last of a page asks for the next page as well.
func (w *walk) run(ctx context.Context, r typeReader) error {
	at := w.pass.first()
	if w.end != nil && bytes.Compare(at, w.end) >= 0 {
		w.pass.advance(nil, 0)
		return nil
	}
	word, group := r.word()
	var (
		o        = &w.s.o
		pageLim  = w.s.limit(8, o.PageKeys)
		batchLim = w.s.limit(8, o.BatchKeys)
		bufs     [2]replyBuffer // of the page at hand, and of the flight
		pg       page
		exp      = expiries{w: w}
		b        batch
		wanted   []int // places in items
		skips    []skip
		items    [][]byte // of the page at hand, still to be read
		n        = pageLim.n
		more     = true
		i        = 0
	)
	for {
		b.reset()
		long, err := w.ready(ctx)
		if err != nil {
			return err
		}
		if long && len(items) > 0 { // what came with the page is old: it is asked for again
			at, n, more, items = bytes.Clone(items[0]), pageLim.n, true, nil
		}
		take := items[:min(len(items), batchLim.n*group)]
		items = items[len(take):]
		if wanted, skips, err = w.choose(wanted[:0], skips[:0], take, group); err != nil {
			return err
		}
		if w.full() {
			items, more = nil, false
		}
		pageDone := len(items) == 0
		build := func() {
			b.reset()
			exp.ask(&b, take, wanted)
			for _, k := range wanted {
				r.ask(&b, take[k])
			}
			if pageDone && more {
				w.askPage(&b, word, at, n)
			}
		}
		build()
		p, took, err := w.shrink(ctx, &b, &bufs[1-i], len(wanted), func() bool {
			batchLim.n = less(batchLim.n)
			can := len(wanted) > 0 && r.less()
			if pageDone && more && n > 1 {
				n = less(n)
				pageLim.n, can = n, true
			}
			build()
			return can
		})
		if err != nil {
			return err
		}
		if err := exp.read(ctx, p); err != nil {
			return err
		}
		from := p.off
		left := skips
		for j, k := range wanted {
			if left, err = w.skipBefore(k, left, take); err != nil {
				return err
			}
			if err := w.put(ctx, r, p, take[k:k+group], exp.at[j]); err != nil {
				return err
			}
		}
		if _, err := w.skipBefore(len(take), left, take); err != nil {
			return err
		}
		r.more()
		batchLim.saw(len(wanted), p.off-from)
		batchLim.lasted(len(wanted), took)
		switch {
		case !pageDone:
			continue
		case !more:
			return nil
		}
		err = w.readPage(p, &pg, at, group)
		if errors.Is(err, errStuck) && n < maxStuck {
			n *= 4
			continue
		}
		if err != nil {
			return err
		}
		pageLim.saw(len(pg.items)/group, pg.bytes)
		pageLim.lasted(len(pg.items)/group, took)
		w.end, more = w.pass.advance(pg.next, len(pg.items)/group)
		items, at, n = pg.items, pg.next, pageLim.n
		i = 1 - i
	}
}

// put hands one key over, unless it is gone by now.
func (w *walk) put(ctx context.Context, r typeReader, p *parser, items [][]byte, expire int64) error {
	p.cmd = "read " + string(w.pass.Type) + " " + quoteKey(items[0])
	err := r.put(ctx, p, items, expire)
	var re *ReplyError
	if errors.As(err, &re) && re.wrongType() {
		return w.sink.Skip(items[0], Retyped, re.Reply)
	}
	return err
}

// gone reports a key that was listed and is not there any more.
func (w *walk) gone(key []byte, expire int64) error {
	if expire == expired {
		return w.sink.Skip(key, Expired, "")
	}
	return w.sink.Skip(key, Gone, "")
}

// choose appends to wanted the places of the keys in items that are to be read.
func (w *walk) choose(wanted []int, skips []skip, items [][]byte, group int) ([]int, []skip, error) {
	for k := 0; k < len(items); k += group {
		ok, reason, err := w.wants(items[k])
		switch {
		case err != nil:
			return wanted, skips, err
		case ok:
			wanted = append(wanted, k)
		case reason != "":
			skips = append(skips, skip{k, reason})
		}
	}
	return wanted, skips, nil
}

// A skip is a listed key that is not for a dump. The sink hears of it in its turn: what it has
// heard of a key means that all before it is done.
type skip struct {
	place  int // in the items of the batch
	reason Reason
}

// skipBefore reports the skips at places before k, and returns the others.
func (w *walk) skipBefore(k int, skips []skip, items [][]byte) ([]skip, error) {
	for len(skips) > 0 && skips[0].place < k {
		if err := w.sink.Skip(items[skips[0].place], skips[0].reason, ""); err != nil {
			return skips, err
		}
		skips = skips[1:]
	}
	return skips, nil
}

// internalPrefixes are of sets that Pika keeps for itself when slotmigrate is on (SERVERS.md P10).
var internalPrefixes = [][]byte{[]byte("_internal:slotkey:4migrate:"), []byte("_internal:slottag:4migrate:")}

// wants reports whether the next listed key is to be read. It checks the order that
// everything rests on, and says why a key is not for a dump; no reason means that the user
// did not ask for it.
func (w *walk) wants(key []byte) (ok bool, skip Reason, err error) {
	if w.started {
		switch bytes.Compare(key, w.last) {
		case 0:
			return false, Duplicate, nil
		case -1:
			return false, "", fmt.Errorf("the source lists key %s after %s: not in byte order", quoteKey(key), quoteKey(w.last))
		}
	}
	w.started = true
	w.last = append(w.last[:0], key...)
	if w.end != nil && bytes.Compare(key, w.end) >= 0 || w.pass.Keep != nil && !w.pass.Keep(key) {
		return false, "", nil
	}
	if internal(key) {
		return false, Internal, nil
	}
	if w.full() {
		return false, "", nil
	}
	w.kept++
	return true, "", nil
}

// full reports whether the pass has kept as many keys as it may.
func (w *walk) full() bool { return w.pass.Limit > 0 && w.kept >= w.pass.Limit }

// head begins the record of key.
func (w *walk) head(kind format.Kind, key []byte, expire int64) *format.Record {
	r := &w.rec
	r.Kind, r.Key, r.Expire, r.Part = kind, key, expire, format.PartFirst
	r.Value, r.Elems, r.Scores, r.Entries, r.State = nil, r.Elems[:0], r.Scores[:0], r.Entries[:0], nil
	return r
}
