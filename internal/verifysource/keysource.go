package verifysource

import (
	"bytes"
	"cmp"
	"context"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
)

// A keySource lets the engine of verify read keys of a Pika: reader and internal do not know
// one another.
type keySource struct{ *reader.KeyReader }

func (s *keySource) ReadKeys(ctx context.Context, t format.Type, keys [][]byte, each func(int, *format.Record, string) error) error {
	return s.KeyReader.ReadKeys(ctx, t, keys, &keySink{at: -1, unknown: s.ExpiryUnknown, each: each})
}

// A keySink numbers the keys that it is handed. What was taken back of a key has been compared by
// then: the key ends there, and so differs, until it is read again in another round.
type keySink struct {
	at      int
	kind    format.Kind // of the key whose last part has not come
	expire  int64
	dropped []byte      // key that was taken back
	last    []byte      // key of the last record
	unknown func() bool // whether the expiry of the key at hand is
	each    func(int, *format.Record, string) error
}

func (s *keySink) Record(r *format.Record) error {
	if s.dropped != nil && bytes.Equal(r.Key, s.dropped) {
		return nil
	}
	s.dropped = nil
	if r.Part&format.PartFirst != 0 {
		s.at++
	}
	if s.unknown() {
		u := *r
		u.Expire = question.UnknownExpiry
		r = &u
	}
	s.last = append(s.last[:0], r.Key...)
	s.kind, s.expire = r.Kind, r.Expire
	return s.each(s.at, r, "")
}

// Drop ends the key.
func (s *keySink) Drop(key []byte, _ reader.Reason) error {
	if s.dropped != nil && bytes.Equal(key, s.dropped) {
		return nil
	}
	s.dropped = bytes.Clone(key)
	return s.each(s.at, &format.Record{Kind: s.kind, Key: s.dropped, Expire: s.expire, Part: format.PartLast}, "")
}

func (s *keySink) Skip(key []byte, reason reader.Reason, _ string) error {
	if s.dropped != nil && bytes.Equal(key, s.dropped) || s.last != nil && bytes.Equal(key, s.last) { // it was handed over
		return nil
	}
	s.dropped = nil
	s.at++
	return s.each(s.at, nil, cmp.Or(unreadable[reason], question.TypeNone))
}

// unreadable says what a key is that is there, and was not read.
var unreadable = map[reader.Reason]string{
	reader.Retyped:    "key of another type",
	reader.Changed:    "key that changed each time it was read",
	reader.Unreadable: "key that cannot be read",
	reader.TooLarge:   "key with an element that is too large",
}
