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
	rec     format.Record
	pieces  replyBuffer // replies of the collection that is being read in pieces
}

// A typeReader reads the values of the keys of one type.
type typeReader interface {
	// word is the type as PKSCANRANGE calls it, and group how many items of its reply
	// belong to one key.
	word() (word string, group int)
	// ask adds the commands that read the key to b.
	ask(b *batch, key []byte)
	// put takes the replies to ask and hands the key over. Items are those of
	// the page: the key, and what came with it.
	put(ctx context.Context, p *parser, items [][]byte, expire int64) error
}

// run walks the pages of PKSCANRANGE. Each flight reads the expiries and values of one
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
		pageLim  = newLimit(8, o.PageKeys, o.ReplyBytes)
		batchLim = newLimit(8, o.BatchKeys, o.ReplyBytes)
		bufs     [2]replyBuffer // of the page at hand, and of the flight
		pg       page
		exp      = expiries{w: w}
		b        batch
		wanted   []int    // places in items
		items    [][]byte // of the page at hand, still to be read
		n        = pageLim.n
		more     = true
		i        = 0
	)
	for {
		b.reset()
		take := items[:min(len(items), batchLim.n*group)]
		items = items[len(take):]
		var err error
		if wanted, err = w.choose(wanted[:0], take, group); err != nil {
			return err
		}
		exp.ask(&b, take, wanted)
		for _, k := range wanted {
			r.ask(&b, take[k])
		}
		pageDone := len(items) == 0
		if pageDone && more {
			w.askPage(&b, word, at, n)
		}
		p, err := w.c.send(ctx, &b, &bufs[1-i])
		if err != nil {
			return err
		}
		if err := exp.read(ctx, p); err != nil {
			return err
		}
		from := p.off
		for j, k := range wanted {
			if err := w.put(ctx, r, p, take[k:k+group], exp.at[j]); err != nil {
				return err
			}
		}
		batchLim.saw(len(wanted), p.off-from)
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
func (w *walk) choose(wanted []int, items [][]byte, group int) ([]int, error) {
	for k := 0; k < len(items); k += group {
		ok, err := w.wants(items[k])
		if err != nil {
			return wanted, err
		}
		if ok {
			wanted = append(wanted, k)
		}
	}
	return wanted, nil
}

// internalPrefixes are of sets that Pika keeps for itself when slotmigrate is on (SERVERS.md P10).
var internalPrefixes = [][]byte{[]byte("_internal:slotkey:4migrate:"), []byte("_internal:slottag:4migrate:")}

// wants reports whether the next listed key is to be read. It checks the order that
// everything rests on, and reports keys that are not for a dump.
func (w *walk) wants(key []byte) (bool, error) {
	if w.started {
		switch bytes.Compare(key, w.last) {
		case 0:
			return false, w.sink.Skip(key, Duplicate, "")
		case -1:
			return false, fmt.Errorf("the source lists key %s after %s: not in byte order", quoteKey(key), quoteKey(w.last))
		}
	}
	w.started = true
	w.last = append(w.last[:0], key...)
	if w.end != nil && bytes.Compare(key, w.end) >= 0 || w.pass.Keep != nil && !w.pass.Keep(key) {
		return false, nil
	}
	for _, p := range internalPrefixes {
		if bytes.HasPrefix(key, p) {
			return false, w.sink.Skip(key, Internal, "")
		}
	}
	return true, nil
}

// head begins the record of key.
func (w *walk) head(kind format.Kind, key []byte, expire int64) *format.Record {
	r := &w.rec
	r.Kind, r.Key, r.Expire, r.Part = kind, key, expire, format.PartFirst
	r.Value, r.Elems, r.Scores, r.Entries, r.State = nil, r.Elems[:0], r.Scores[:0], r.Entries[:0], nil
	return r
}
