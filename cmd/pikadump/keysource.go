package main

import (
	"context"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/verify"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// A keySource lets the engine of verify read keys of a Pika: reader and internal do not know
// one another.
type keySource struct{ *reader.KeyReader }

func (s *keySource) ReadKeys(ctx context.Context, t format.Type, keys [][]byte, each func(int, *format.Record, string) error) error {
	return s.KeyReader.ReadKeys(ctx, t, keys, &keySink{at: -1, each: each})
}

// A keySink numbers the keys that it is handed.
type keySink struct {
	at   int
	open bool // the last part of a key has not come
	each func(int, *format.Record, string) error
}

func (s *keySink) Record(r *format.Record) error {
	if r.Part&format.PartFirst != 0 {
		s.at++
	}
	s.open = r.Part&format.PartLast == 0
	return s.each(s.at, r, "")
}

func (s *keySink) Skip(_ []byte, reason reader.Reason, _ string) error {
	if s.open { // it was retyped while it was read; what was read of it ends with the next record
		return nil
	}
	s.at++
	switch reason {
	case reader.Retyped:
		return s.each(s.at, nil, "key of another type")
	case reader.TooLarge:
		return s.each(s.at, nil, "key with an element that is too large")
	}
	return s.each(s.at, nil, verify.TypeNone)
}
