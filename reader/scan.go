package reader

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// A scan is a pass that is being made.
type scan struct {
	exchange
	pass    *Pass
	sink    Sink
	end     []byte // bound of the pass, for the keys at hand
	last    []byte // the key listed last
	started bool
	kept    int64 // keys to be read so far
	element int   // bytes of an element of the key whose elements are the largest, since learn was called
	odd     int   // keys in a row that could not be read
	unsure  bool  // the expiry of the key at hand is unknown
	rec     format.Record
	pieces  [2]resp.Buffer // replies of the collection that is being read in pieces
	reading string         // what errors say of reading a value
}

// A typeReader reads the values of the keys of one type.
type typeReader interface {
	// ask adds the commands that read the key to b, of a collection its first n elements.
	ask(b *resp.Batch, key []byte, n int)
	// word is the type as PKSCANRANGE calls it, and group how many items of its reply
	// belong to one key.
	word() (word string, group int)
	// most is how many elements of a key are asked for at once; 1: a key comes whole.
	most() int
	// put takes the replies to ask and hands the key over. Items are those of
	// the page: the key, and what came with it.
	put(ctx context.Context, p *resp.Replies, items [][]byte, expire int64, n int) error
}

// put hands one key over, unless it is gone by now.
func (w *scan) put(ctx context.Context, r typeReader, p *resp.Replies, items [][]byte, expire int64, n int) error {
	p.Answers(w.reads(), items[0])
	from := *p
	w.rec.Part = format.PartFirst // nothing of it was handed over
	odd := w.odd
	w.unsure = false
	err := r.put(ctx, p, items, expire, n)
	if err == nil {
		if w.odd == odd {
			w.odd = 0
		}
		if w.unsure {
			err = w.sink.Skip(items[0], ExpiryUnknown, w.s.source.whyUnknown())
		}
		return err
	}
	var re *ReplyError
	reason := Unreadable
	switch {
	case errors.As(err, &re) && re.WrongType():
		reason = Retyped
	case re == nil || re.Transient() || w.rec.Part&format.PartFirst == 0 || !w.works(ctx, r.ask):
		return err
	}
	*p = from // and behind all that answers for the key
	var b resp.Batch
	r.ask(&b, items[0], n)
	if p.Take(b.Len()); p.Err() != nil {
		return p.Err()
	}
	return w.sink.Skip(items[0], reason, re.Reply)
}

// reads says for errors what is read of a key.
func (w *scan) reads() string {
	if w.reading == "" {
		w.reading = "read " + string(w.pass.Type)
	}
	return w.reading
}

// wants reports whether the next listed key is to be read. It checks the order that everything
// rests on, and says why a key is not for a dump; no reason means that the user did not ask for it.
func (w *scan) wants(key []byte) (ok bool, skip Reason, err error) {
	if w.started {
		switch bytes.Compare(key, w.last) {
		case 0:
			return false, Duplicate, nil
		case -1:
			return false, "", fmt.Errorf("the source lists key %s after %s: not in byte order", resp.Quote(key), resp.Quote(w.last))
		}
	}
	w.started = true
	w.last = append(w.last[:0], key...)
	if w.end != nil && bytes.Compare(key, w.end) >= 0 || w.pass.Keep != nil && !w.pass.Keep(key) {
		return false, "", nil
	}
	if IsInternal(key) {
		return false, Internal, nil
	}
	if w.full() {
		return false, "", nil
	}
	w.kept++
	return true, "", nil
}

// learn tells the limit of elements how large those of the keys were that have been handed over
// since.
func (w *scan) learn(l *adaptiveLimit) {
	if w.element > 0 {
		l.saw(1, w.element)
		w.element = 0
	}
}

// full reports whether the pass has kept as many keys as it may.
func (w *scan) full() bool { return w.pass.Limit > 0 && w.kept >= w.pass.Limit }

// head begins the record of key.
func (w *scan) head(kind format.Kind, key []byte, expire int64) *format.Record {
	r := &w.rec
	r.Kind, r.Key, r.Part = kind, key, format.PartFirst
	w.setExpire(r, expire)
	r.Value, r.Elems, r.Scores, r.Entries, r.State = nil, r.Elems[:0], r.Scores[:0], r.Entries[:0], nil
	return r
}

// forget gives back a giant that was handed over, and lets go of what points into it.
func (w *scan) forget(buf *resp.Buffer) {
	if !buf.Giant() {
		return
	}
	buf.Reset()
	r := &w.rec
	r.Key, r.Value = bytes.Clone(r.Key), nil
	clear(r.Elems[:cap(r.Elems)])
	clear(r.Entries[:cap(r.Entries)])
}

// setExpire gives a record its expiry. One that is unknown is none: so the key is not lost.
func (w *scan) setExpire(r *format.Record, expire int64) {
	if w.unsure = expire == unknownExpiry; w.unsure {
		expire = 0
	}
	r.Expire = expire
}
