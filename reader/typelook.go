package reader

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// namesAtOnce is of how many names their types are asked in one pipeline.
const namesAtOnce = 256

// Types tells of each name which types have it, never from the source's cache: no type that had it
// all the while is missing, and one more than had it may be there. Streams are looked for if
// streams says so. A source before 3.4.0, or one that does not let us ask, may have every name in
// every type (SERVERS.md P5).
func (k *KeyReader) Types(ctx context.Context, names [][]byte, streams bool) ([]TypeSet, error) {
	w := &scan{exchange: exchange{s: k.s.session, c: k.c}}
	l := typeLook{
		all:     k.s.source.version.atLeast(3, 5, 0) && k.s.source.ManyTypes(),
		one:     !k.s.source.ManyTypes(),
		streams: streams && k.s.source.ManyTypes(),
	}
	sets := make([]TypeSet, 0, len(names))
	if k.anyType || !k.s.source.version.atLeast(3, 4, 0) {
		return slices.Repeat([]TypeSet{AllTypes}, len(names)), nil
	}
	for some := range slices.Chunk(names, namesAtOnce) {
		if _, err := w.ready(ctx); err != nil {
			return nil, err
		}
		var b resp.Batch
		for _, name := range some {
			l.ask(&b, name)
		}
		w.bound(&k.b, false)
		p, _, err := w.roundTripOrLess(ctx, &b, &k.b, 0, func() bool { return false })
		for i := 0; err == nil && i < len(some); i++ {
			one := p.Take(b.Len() / len(some))
			sets = append(sets, l.read(one, some[i]))
			err = one.Err()
			if re := (*ReplyError)(nil); errors.As(err, &re) && !re.Transient() { // of this name, or of the command
				k.anyType = k.anyType || isRefusal(err)
				sets[len(sets)-1], err = AllTypes, nil
			}
		}
		if err != nil {
			return nil, fmt.Errorf("look for names in db%d: %w", k.db, err)
		}
	}
	return sets, nil
}

// A typeLook asks for the types of names by the commands of a version.
type typeLook struct {
	all     bool // PTYPE tells all types but stream (3.5)
	one     bool // a name has one (4.0)
	streams bool
}

func (l *typeLook) ask(b *resp.Batch, name []byte) {
	switch {
	case l.one:
		b.Add("TYPE", name)
	case l.all:
		b.Add("PTYPE", name)
	default: // TYPE tells the first, and EXISTS how many there are
		b.Add("TYPE", name)
		b.Add("EXISTS", name)
	}
	if l.streams {
		b.Add("XINFO", "STREAM", name)
	}
}

func (l *typeLook) read(p *resp.Replies, name []byte) (h TypeSet) {
	p.Answers("TYPE", name)
	switch {
	case l.one:
		word := p.Simple()
		if word == "streams" { // as a 4.0 calls them
			word = string(format.TypeStream)
		}
		if t := format.Type(word); slices.Contains(format.Types, t) {
			h = holds(t)
		} else if word != "none" {
			p.Odd("type %s", resp.Quote([]byte(word)))
		}
		return h
	case l.all:
		h = readTypes(p)
	default:
		h = firstOf(format.Type(p.Simple()), p.Integer(), version{3, 4, 0}.ttlOrder())
	}
	if !l.streams {
		return h
	}
	q := *p
	if readStream(&q, name); q.Err() == nil {
		h |= holds(format.TypeStream)
	} else if !errors.Is(q.Err(), errGone) {
		p.Fail(q.Err())
	}
	return h
}

// firstOf returns the types that can have a name of which TYPE named the first, in that order, and
// EXISTS n of them. What was written between the two is in doubt: then it may be any.
func firstOf(first format.Type, n int64, order []format.Type) TypeSet {
	i := slices.Index(order, first)
	switch {
	case i < 0 && n == 0:
		return 0
	case i < 0:
		return holdsAny(order)
	case n == 1:
		return holds(first)
	}
	return holdsAny(order[i:])
}
