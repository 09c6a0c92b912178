package reader

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// A KeyReader reads keys of one database that are known by name, over one connection. It uses
// the commands of a pass, which bypass the cache of Pika.
type KeyReader struct {
	s     *Scanner
	c     *conn
	db    int
	b     resp.Buffer
	piece adaptiveLimit // elements of a key
	w     *scan         // of the call at hand
	apart int           // see exchange

	cut     [][]byte // what streams with a NUL in their names are listed as; nil: not listed yet
	anyType bool     // what types a name has cannot be asked
	noMGet  bool     // that command is refused
	alone   bool     // the keys at hand have no other type, see ReadAlone
}

// NewKeyReader opens a connection for the keys of a database.
func (s *Scanner) NewKeyReader(ctx context.Context, db int) (*KeyReader, error) {
	c, err := s.dial(ctx, db)
	if err != nil {
		return nil, err
	}
	return &KeyReader{s: s, c: c, db: db, piece: s.adaptiveLimit(firstPiece, s.o.PieceElements)}, nil
}

// Close closes the connection.
func (k *KeyReader) Close() error {
	k.c.close()
	return nil
}

// ReadKeys hands the sink each of the keys, in their order: its records as a pass does, or
// Skip with the reason why there are none. The first pieces of all keys come in one pipeline. An
// error of the sink ends it, and the KeyReader can be used again.
func (k *KeyReader) ReadKeys(ctx context.Context, t format.Type, keys [][]byte, sink Sink) error {
	w := &scan{exchange: exchange{s: k.s.session, c: k.c, apart: k.apart}, pass: NewPass(k.db, t, nil, nil), sink: sink}
	k.w = w
	defer func() { k.apart = w.apart; w.forget(&k.b) }()
	if err := k.read(ctx, w, t, keys); err != nil {
		return fmt.Errorf("read db%d %s: %w", k.db, t, err)
	}
	return nil
}

// ReadAlone is ReadKeys of keys that no other type had when Types was asked: whose their expiry is
// is not looked at again. Up to 3.5 that is wrong if another type has got the name meanwhile: so it
// is for whoever reads again what was written since, as a delta does.
func (k *KeyReader) ReadAlone(ctx context.Context, t format.Type, keys [][]byte, sink Sink) error {
	k.alone = true
	defer func() { k.alone = false }()
	return k.ReadKeys(ctx, t, keys, sink)
}

// read reads fewer keys at once, and smaller pieces of them, where the replies are too large.
func (k *KeyReader) read(ctx context.Context, w *scan, t format.Type, keys [][]byte) (err error) {
	switch t {
	case format.TypeString:
		err = k.readStrings(ctx, w, keys)
	case format.TypeStream:
		err = k.readStreams(ctx, w, keys)
	default:
		err = k.readCollections(ctx, w, k.s.collection(t), keys)
	}
	large := errors.Is(err, resp.ErrTooLarge)
	if !large && !errors.Is(err, errLess) { // then nothing of them was handed over
		return err
	}
	if large {
		if err := k.c.renew(ctx); err != nil {
			return err
		}
	}
	if large && len(keys) == 1 && (t == format.TypeString || k.piece.n == 1) {
		return w.sink.Skip(keys[0], TooLarge, aboveAll)
	}
	if !large && len(keys) == 1 {
		if retyped, err := k.retyped(ctx, w, t, keys[0]); retyped || err != nil {
			return err
		}
	}
	k.piece.n = less(k.piece.n)
	for n := less(len(keys)); len(keys) > 0; keys = keys[min(n, len(keys)):] {
		if err := k.read(ctx, w, t, keys[:min(n, len(keys))]); err != nil {
			return err
		}
	}
	return nil
}

// errLess: the connection was lost, and is made anew.
var errLess = errors.New("less is to be asked for")

// ExpiryUnknown reports, while the sink is handed a record, whether the expiry of its key is
// unknown.
func (k *KeyReader) ExpiryUnknown() bool { return k.w.unsure }

// pipeline asks for the values of the keys, and their expiries behind them, and takes these.
func (k *KeyReader) pipeline(ctx context.Context, w *scan, keys [][]byte, ask func(b *resp.Batch)) (*resp.Replies, *expiries, error) {
	if _, err := w.ready(ctx); err != nil {
		return nil, nil, err
	}
	exp := &expiries{x: &w.exchange, typ: w.pass.Type, alone: k.alone}
	places := make([]int, len(keys))
	for i := range keys {
		places[i] = i
	}
	var b resp.Batch
	ask(&b)
	n := b.Len()
	exp.ask(&b, keys, places)
	w.bound(&k.b, len(keys) == 1 && (w.pass.Type == format.TypeString || k.piece.n == 1))
	p, _, err := w.roundTrip(ctx, &b, &k.b, len(keys))
	if transient(err) {
		if ok, err := w.again(ctx, err); !ok {
			return nil, nil, err
		}
		return nil, nil, errLess
	}
	if err != nil {
		return nil, nil, err
	}
	w.lost = 0
	values := p.Take(n)
	return values, exp, exp.read(ctx, p)
}

// each asks for each key by itself.
func each(keys [][]byte, n int, ask func(b *resp.Batch, key []byte, n int)) func(b *resp.Batch) {
	return func(b *resp.Batch) {
		for _, key := range keys {
			ask(b, key, n)
		}
	}
}

// readStrings reads strings, all by one MGET where no cache can answer that. Else each is read as
// the page of its own name, or by GET.
func (k *KeyReader) readStrings(ctx context.Context, w *scan, keys [][]byte) error {
	switch {
	case k.s.listing != byRange:
		return k.readByGet(ctx, w, keys, false)
	case !k.noMGet && k.s.uncached():
		return k.readByGet(ctx, w, keys, true)
	}
	r := stringReader{w: w}
	p, exp, err := k.pipeline(ctx, w, keys, each(keys, 1, func(b *resp.Batch, key []byte, _ int) {
		b.Add("PKSCANRANGE", "string_with_value", key, key, "LIMIT", 1)
	}))
	if err != nil {
		return err
	}
	for i, key := range keys {
		p.Answers("PKSCANRANGE string_with_value", key)
		_, items := p.Page(nil, 2)
		switch {
		case p.Err() != nil:
			return p.Err()
		case len(items) < 2 || !bytes.Equal(items[0], key):
			err = w.sink.Skip(key, Gone, "")
		default:
			err = w.put(ctx, r, p, items, exp.at[i], r.most())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readByGet reads strings by a GET of each, or by one MGET.
func (k *KeyReader) readByGet(ctx context.Context, w *scan, keys [][]byte, together bool) error {
	r := stringReader{w: w, get: true}
	ask := each(keys, 1, r.ask)
	if together {
		ask = func(b *resp.Batch) {
			args := make([]any, 1, 1+len(keys))
			args[0] = "MGET"
			for _, key := range keys {
				args = append(args, key)
			}
			b.Add(args...)
		}
	}
	p, exp, err := k.pipeline(ctx, w, keys, ask)
	if err != nil {
		return err
	}
	if together {
		p.Answers("MGET", nil)
		if p.Refused() != nil { // it may not be allowed
			k.noMGet = true
			return k.readStrings(ctx, w, keys)
		}
		if p.Array(len(keys)); p.Err() != nil {
			return p.Err()
		}
	}
	for i := range keys {
		if err := w.put(ctx, r, p, keys[i:i+1], exp.at[i], r.most()); err != nil {
			return err
		}
	}
	return nil
}

func (k *KeyReader) readCollections(ctx context.Context, w *scan, c collection, keys [][]byte) error {
	r, n := &collectionReader{w: w, c: c}, k.piece.n
	p, exp, err := k.pipeline(ctx, w, keys, each(keys, n, r.ask))
	if err != nil {
		return err
	}
	for i := range keys {
		if err := w.put(ctx, r, p, keys[i:i+1], exp.at[i], n); err != nil {
			return err
		}
	}
	w.learn(&k.piece)
	return nil
}

func (k *KeyReader) readStreams(ctx context.Context, w *scan, keys [][]byte) error {
	for _, key := range keys {
		if retyped, err := k.retyped(ctx, w, format.TypeStream, key); err != nil {
			return err
		} else if retyped {
			continue
		}
		if err := w.stream(ctx, key, &k.piece); err != nil {
			return err
		}
	}
	return nil
}

// retyped skips a key with a line end that is of another type than was thought: a 4.0 puts the name
// as it is into the error that says so, and what follows would be taken for replies (SERVERS.md
// P5).
func (k *KeyReader) retyped(ctx context.Context, w *scan, t format.Type, key []byte) (bool, error) {
	if k.s.source.ManyTypes() || !bytes.ContainsAny(key, "\r\n") {
		return false, nil
	}
	sets, err := k.Types(ctx, [][]byte{key}, false)
	if err != nil || sets[0].Has(t) {
		return false, err
	}
	if sets[0] == 0 {
		return true, w.sink.Skip(key, DeletedOrExpired, "")
	}
	return true, w.sink.Skip(key, Retyped, "its name has a line end, and the reply cannot be read")
}
