package reader

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// Shown returns what the source lists a key as: a 4.0 cuts its name behind a NUL (SERVERS.md P4).
func (s *Scanner) Shown(name []byte) []byte {
	if i := bytes.IndexByte(name, 0); i >= 0 && !s.source.ManyTypes() {
		return name[:i+1]
	}
	return name
}

// MayHide reports whether the source may have keys under a name that it does not find when it is
// asked for it.
func (s *session) MayHide(name []byte) bool {
	return !s.source.ManyTypes() && bytes.IndexByte(name, 0) >= 0
}

// Hidden reports of each of up to some hundred names whether the source may have keys under it that
// it does not find by it: whether one is listed that can be one of them. Streams are looked for if
// streams says so, once for all calls, for that walks over all keys. What cannot be listed may be
// there.
func (k *KeyReader) Hidden(ctx context.Context, names [][]byte, streams bool) ([]bool, error) {
	w, types := &scan{exchange: exchange{s: k.s.session, c: k.c}}, format.Types[:5]
	hidden := make([]bool, len(names))
	var b resp.Batch
	var asked []int
	for i, name := range names {
		if !k.s.MayHide(name) {
			continue
		}
		asked = append(asked, i)
		for _, t := range types {
			b.Add("PKSCANRANGE", string(t), k.s.Shown(name), k.s.Shown(name), "LIMIT", 1)
		}
	}
	if len(asked) == 0 {
		return hidden, nil
	}
	if _, err := w.ready(ctx); err != nil {
		return nil, err
	}
	w.bound(&k.b, false)
	p, _, err := w.roundTripOrLess(ctx, &b, &k.b, 0, func() bool { return false })
	if err == nil {
		for i := range b.Len() {
			_, listed := p.Page(nil, 1)
			hidden[asked[i/len(types)]] = hidden[asked[i/len(types)]] || len(listed) > 0
		}
		err = p.Err()
	}
	if err == nil && streams && k.cut == nil {
		if k.cut, err = (&streamList{w: w, twice: true}).listMost(ctx, "*\x00", w.s.nameBytes); err != nil {
			k.cut = nil
		} else if k.cut == nil {
			k.cut = [][]byte{}
		}
	}
	unlisted, err := w.listLess(ctx, err)
	if re, is := errors.AsType[*ReplyError](err); is && !re.Transient() {
		unlisted, err = true, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for names with a NUL in db%d: %w", k.db, err)
	}
	for _, i := range asked {
		_, has := slices.BinarySearchFunc(k.cut, k.s.Shown(names[i]), bytes.Compare)
		hidden[i] = hidden[i] || has || unlisted
	}
	return hidden, nil
}
