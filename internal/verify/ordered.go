package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
)

// A KeySource reads whole keys of one database, of which the elements of hashes, sets and
// zsets come in byte order, as those of a Pika do.
type KeySource interface {
	// ReadKeys hands over the records of each key, in the order of keys: i is its place. Of a key
	// that is not there r is nil, and other is question.TypeNone or another type. What is handed
	// over is valid until each returns; an error of each ends it.
	ReadKeys(ctx context.Context, t format.Type, keys [][]byte, each func(i int, r *format.Record, other string) error) error
	Close() error
}

// Ordered is a Server on top of a KeySource: questions and what the source has are merged. What
// only the source has is counted on the way.
type Ordered struct {
	Source KeySource
	flow   *flow // of a key that the next Ask continues
}

// Close ends what is being read.
func (o *Ordered) Close() error {
	o.end()
	return o.Source.Close()
}

func (o *Ordered) end() {
	if o.flow != nil {
		o.flow.stop()
		o.flow = nil
	}
}

// Ask answers the questions. Keys of one type that stand together are read together.
func (o *Ordered) Ask(ctx context.Context, qs []*question.Question) error {
	for len(qs) > 0 {
		if qs[0].Head || o.flow == nil {
			o.end()
			o.flow = o.begin(ctx, qs)
		}
		f := o.flow
		f.ctx.Context = ctx
		for len(qs) > 0 && (!qs[0].Head || f.begun+1 < len(f.keys)) {
			if err := f.answer(qs[0]); err != nil {
				o.end()
				return err
			}
			complete := qs[0].Tail
			if qs = qs[1:]; complete && f.begun+1 == len(f.keys) {
				o.end()
				break
			}
		}
	}
	return nil
}

// begin reads the keys of the first questions, up to one of another type.
func (o *Ordered) begin(ctx context.Context, qs []*question.Question) *flow {
	typ := qs[0].Kind.Type()
	f := &flow{begun: -1}
	f.ctx = &current{ctx}
	for _, q := range qs {
		if q.Kind.Type() != typ {
			break
		}
		if q.Head {
			f.keys = append(f.keys, bytes.Clone(q.Key))
		}
	}
	seq := func(yield func(event) bool) {
		err := o.Source.ReadKeys(f.ctx, typ, f.keys, func(i int, r *format.Record, other string) error {
			if !yield(event{i, r, other}) {
				return errStopped
			}
			return nil
		})
		if !errors.Is(err, errStopped) {
			f.err = err
		}
	}
	f.next, f.stop = iter.Pull(seq)
	return f
}

var errStopped = errors.New("stopped")

// current is the context of the Ask at hand: a flow can outlive the one that began it.
type current struct{ context.Context }

type event struct {
	i     int
	r     *format.Record
	other string
}

// A flow is what the source has of some keys, element by element.
type flow struct {
	ctx   *current
	keys  [][]byte
	next  func() (event, bool)
	stop  func()
	err   error
	begun int // place of the key at hand

	expire int64
	other  string         // it is not there
	r      *format.Record // the record at hand; nil at the end of the key
	at     int            // the element in it; byte of a string
}

// begin goes to the next key.
func (f *flow) begin(q *question.Question) error {
	for f.r != nil { // what is left of the key before
		if err := f.record(); err != nil {
			return err
		}
	}
	e, ok := f.next()
	if !ok {
		return errors.Join(f.err, fmt.Errorf("the source says nothing of key %s", quoted(q.Key)))
	}
	if f.begun++; e.i != f.begun || e.r != nil && !bytes.Equal(e.r.Key, q.Key) {
		return fmt.Errorf("the source answers of another key than %s", quoted(q.Key))
	}
	f.r, f.other, f.at = e.r, e.other, 0
	return nil
}

// record goes to the next record of the key; f.r is nil when there is none.
func (f *flow) record() error {
	if f.r.Part&format.PartLast != 0 {
		f.r = nil
		return nil
	}
	e, ok := f.next()
	if !ok || e.i != f.begun || e.r == nil {
		return errors.Join(f.err, errors.New("the source does not end a key"))
	}
	f.r, f.at = e.r, 0
	return nil
}

// more reports whether the key has an element at hand. After an error, which stays in f.err, it has
// none.
func (f *flow) more() bool {
	for f.err == nil && f.r != nil {
		if f.at < f.r.Length() {
			return true
		}
		if f.r.Part&format.PartLast != 0 {
			return false
		}
		f.err = f.record()
	}
	return false
}

func (f *flow) answer(q *question.Question) error {
	q.Total, q.Extra = -1, 0
	if q.Head {
		if err := f.begin(q); err != nil {
			return err
		}
		if f.r != nil && f.r.Kind != q.Kind {
			f.other = f.r.Kind.String() // a string in the place of a hyperloglog
		}
		if f.expire = 0; f.r != nil {
			f.expire = f.r.Expire
		}
	}
	q.Expire = f.expire
	if q.Type = f.other; q.Type != "" {
		return nil
	}
	switch {
	case q.Length:
		q.Total = 0
		return f.count(&q.Total)
	case q.Kind == format.List:
		return f.elements(q)
	case q.Kind == format.Stream:
		return f.entries(q)
	case q.Kind.Type() == format.TypeString:
		return f.text(q)
	}
	return f.members(q)
}

// count goes to the end of the key and counts what it passes.
func (f *flow) count(n *int64) error {
	for f.more() {
		*n += int64(f.r.Length() - f.at)
		f.at = f.r.Length()
	}
	return f.err
}

func (f *flow) text(q *question.Question) error {
	want := q.Size
	if q.Tail {
		want++
	}
	var b []byte
	for len(b) < want && f.more() {
		n := min(want-len(b), len(f.r.Value)-f.at)
		b = append(b, f.r.Value[f.at:f.at+n]...)
		f.at += n
	}
	q.Values = append(q.Values, string(b))
	return f.err
}

func (f *flow) elements(q *question.Question) error {
	for range q.Elems {
		if !f.more() {
			break
		}
		q.Values = append(q.Values, string(f.r.Elems[f.at]))
		f.at++
	}
	if q.Tail {
		q.Total = q.Offset + int64(len(q.Values))
		return f.count(&q.Total)
	}
	return f.err
}

// members merges fields or members with those asked for.
func (f *flow) members(q *question.Question) error {
	for i, want := range q.Elems {
		if i > 0 && bytes.Compare(q.Elems[i-1], want) >= 0 {
			return fmt.Errorf("the dump has key %s with its elements in another order than that of bytes: it cannot be compared with a Pika", quoted(q.Key))
		}
		found := false
		for !found && f.more() {
			order := bytes.Compare(member(f.r, f.at), want)
			if order > 0 {
				break
			}
			if found = order == 0; found {
				f.take(q)
			} else {
				q.Extra++
			}
			f.at++
		}
		if q.Found = append(q.Found, found); !found {
			q.Values, q.Scores = append(q.Values, ""), append(q.Scores, 0)
		}
	}
	if q.Tail {
		return f.count(&q.Extra)
	}
	return f.err
}

// take adds what belongs to the member at hand to the answer.
func (f *flow) take(q *question.Question) {
	value, score := "", 0.0
	switch f.r.Kind {
	case format.Hash:
		value = string(f.r.Elems[2*f.at+1])
	case format.Zset:
		score = f.r.Scores[f.at]
	}
	q.Values, q.Scores = append(q.Values, value), append(q.Scores, score)
}

// entries takes the entries up to q.Until, or with Tail to the end, and one more than there
// should be at the most.
func (f *flow) entries(q *question.Question) error {
	for f.more() && (q.Tail || q.Until.Compare(f.r.Entries[f.at].ID) >= 0) {
		if e := &f.r.Entries[f.at]; len(q.IDs) <= q.Entries {
			fields := make([]string, len(e.Fields))
			for i := range fields {
				fields[i] = string(e.Fields[i])
			}
			q.IDs, q.Fields = append(q.IDs, e.ID), append(q.Fields, fields)
		}
		f.at++
	}
	if q.Tail && f.r != nil && f.r.State != nil {
		q.State = new(*f.r.State)
	}
	return f.err
}
