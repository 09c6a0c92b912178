package reader

import (
	"context"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// collectionReader reads collections: the first piece of many keys in one pipeline, the
// rest of large ones alone.
type collectionReader struct {
	w *scan
	c collection

	start position // of every key; ask does not change it
	pos   position // of the key that is handed over
}

func (cr *collectionReader) most() int { return cr.w.s.o.PieceElements }

func (cr *collectionReader) word() (string, int) { return string(cr.w.pass.Type), 1 }

func (cr *collectionReader) ask(b *resp.Batch, key []byte, n int) { cr.c.ask(b, key, &cr.start, n) }

func (cr *collectionReader) put(ctx context.Context, p *resp.Replies, items [][]byte, expire int64, n int) error {
	key, w := items[0], cr.w
	r := w.head(cr.c.kind(), key, expire)
	from := p.Offset()
	cr.pos = position{}
	more, err := cr.c.read(p, &cr.pos, n, r)
	if err != nil {
		return err
	}
	if n := r.Elements(); n > 0 {
		w.element = max(w.element, (p.Offset()-from)/n)
	}
	if isGone(expire) || len(r.Elems) == 0 && !more {
		return w.gone(key, expire)
	}
	if !more {
		r.Part = format.PartWhole
		return w.sink.Record(r)
	}
	lim := w.s.adaptiveLimit(n, w.s.o.PieceElements)
	lim.saw(n, p.Offset()-from)
	return cr.putRest(ctx, r, &cr.pos, lim)
}

// maxTries is how often a key is read that changes while it is read in pieces.
const maxTries = 4

// putRest hands over a key that is read in pieces; r holds the first. What does not fit together is
// taken back and read anew.
func (cr *collectionReader) putRest(ctx context.Context, r *format.Record, pos *position, lim adaptiveLimit) error {
	w := cr.w
	defer func() {
		for i := range w.pieces {
			w.forget(&w.pieces[i])
		}
	}()
	pc := pieces{collectionReader: cr, r: r, pos: pos, lim: lim, begun: true, expire: r.Expire}
	if w.unsure {
		pc.expire = unknownExpiry
	}
	for try := 1; ; try++ {
		pc.last = try == maxTries
		err := pc.put(ctx)
		reason, detail := w.whyUnread(ctx, err, cr.ask)
		switch reason {
		case "":
			return err
		case Changed:
			detail = "its elements moved each time it was read"
		case Gone:
			detail = "while it was read in pieces"
			if reason, err = w.whyGoneSince(ctx, pc.expire); err != nil {
				return err
			}
		case Retyped:
			detail = "while it was read in pieces"
		}
		over := reason != Changed || pc.last
		if pc.handed {
			after := reason
			if !over {
				after = ""
			}
			if err := w.sink.Drop(r.Key, after); err != nil {
				return err
			}
		}
		if over {
			w.unsure = false
			return w.sink.Skip(r.Key, reason, detail)
		}
		*pos = position{place: listPlace{looks: true}}
		r.Part, r.Elems, r.Scores = format.PartFirst, r.Elems[:0], r.Scores[:0]
		pc.begun, pc.handed = false, false
	}
}

// pieces is a key that is being read in pieces.
type pieces struct {
	*collectionReader
	r      *format.Record
	pos    *position
	lim    adaptiveLimit
	b      resp.Batch
	exp    expiries
	expire int64 // of the key, as it was first read
	begun  bool  // r holds a piece
	handed bool  // the sink has one
	last   bool  // there is no further try
}

// put hands over the piece at hand and those behind it. While a piece is handed over the next is
// under way, unless there is a pacer: what is read before a long wait must not be handed over after
// it.
func (pc *pieces) put(ctx context.Context) error {
	w := pc.w
	_, ahead := w.s.o.Pacer.(unpaced)
	if pc.begun {
		pc.pos.had(pc.r)
		pc.privately()
	}
	for more, i := true, 0; more; i ^= 1 {
		if !ahead {
			if err := pc.hand(i); err != nil {
				return err
			}
			if _, err := w.ready(ctx); err != nil {
				return err
			}
		}
		pc.ask()
		f, err := w.send(ctx, &pc.b, &w.pieces[i])
		if err != nil {
			return err
		}
		if ahead {
			if err := pc.hand(i); err != nil {
				return err
			}
		}
		p, took, err := w.receiveOrRetry(ctx, f, 0, func() bool {
			if pc.lim.n == 1 {
				return false
			}
			pc.lim.n = less(pc.lim.n)
			pc.ask()
			return true
		})
		if err != nil {
			return err
		}
		asked := pc.lim.n
		more, err = pc.read(ctx, p)
		if err != nil {
			return err
		}
		pc.lim.saw(asked, p.Len())
		pc.lim.lasted(asked, took)
	}
	pc.r.Part |= format.PartLast
	if err := w.sink.Record(pc.r); err != nil {
		return err
	}
	switch {
	case pc.pos.place.moved:
		return w.sink.Skip(pc.r.Key, Changed, "elements came at its head while others left it, each time it was read: those that were moved may be missing")
	case pc.pos.anew:
		return w.sink.Skip(pc.r.Key, Changed, "its first elements were replaced, each time it was read: it may be a mix of two keys, if it was deleted and made anew")
	}
	return nil
}

// privately sees to it that the rest is read by cursors of its own. Those of 2.x are no places, but
// count (SERVERS.md P16).
func (pc *pieces) privately() {
	switch pc.c.(type) {
	case hash, hashx, list:
		return
	}
	if pc.pos.counted = !pc.w.s.source.version.atLeast(3, 0, 0); !pc.pos.counted {
		pc.pos.privately()
	}
}

// hand hands the piece at hand over, before the one of that number.
func (pc *pieces) hand(i int) error {
	if !pc.begun {
		return nil
	}
	r := pc.r
	err := pc.w.sink.Record(r)
	r.Part, r.Elems, r.Scores = 0, r.Elems[:0], r.Scores[:0]
	pc.w.forget(&pc.w.pieces[i^1])
	pc.handed = true
	return err
}

// ask makes the commands of the next piece. Behind it they look whether the key is still there, and
// the same one, which its expiry tells.
func (pc *pieces) ask() {
	pc.b.Reset()
	pc.c.ask(&pc.b, pc.r.Key, pc.pos, pc.lim.n)
	pc.c.look(&pc.b, pc.r.Key, headOf(pc.lim.n))
	if !pc.begun {
		pc.exp.x, pc.exp.typ = &pc.w.exchange, pc.w.pass.Type
		pc.exp.ask(&pc.b, [][]byte{pc.r.Key}, []int{0})
		return
	}
	pc.b.Add("TTL", pc.r.Key)
	pc.b.Add("TIME")
}

func (pc *pieces) read(ctx context.Context, p *resp.Replies) (more bool, err error) {
	p.Answers(pc.w.reads(), pc.r.Key)
	if more, err = pc.c.read(p, pc.pos, pc.lim.n, pc.r); err != nil {
		return false, err
	}
	if !pc.begun {
		pc.pos.had(pc.r)
	}
	if err := pc.c.seen(p, pc.pos); err != nil {
		return false, err
	}
	if pc.begun {
		if err := pc.sameExpiry(p); err != nil {
			return false, err
		}
	} else {
		if err := pc.exp.read(ctx, p); err != nil {
			return false, err
		}
		if pc.expire = pc.exp.at[0]; isGone(pc.expire) {
			return false, errGone
		}
		pc.w.setExpire(pc.r, pc.exp.at[0])
		if pc.begun = true; more {
			pc.privately()
		}
	}
	if (pc.pos.place.moved || pc.pos.anew) && !pc.last {
		return false, errChanged
	}
	return more, nil
}

// sameAbout is by how many ms two looks at one expiry may differ: TTL counts in seconds, and by a
// clock of its own.
const sameAbout = 2500

// sameExpiry takes TTL and TIME. With another expiry the key may be another one, made after ours
// was deleted or had expired: it is read anew. If it has another one each time, somebody only
// prolongs it.
func (pc *pieces) sameExpiry(p *resp.Replies) error {
	p.Answers("TTL", pc.r.Key)
	ttl, now := p.Integer(), readTime(p)
	if p.Err() != nil {
		return p.Err()
	}
	pc.w.s.saw(now)
	at := int64(0)
	if ttl >= 0 {
		at = now + 1000*ttl
	}
	apart := max(at-pc.r.Expire, pc.r.Expire-at)
	if pc.w.unsure || (at == 0) == (pc.r.Expire == 0) && apart <= sameAbout || pc.last {
		return nil
	}
	return errChanged
}
