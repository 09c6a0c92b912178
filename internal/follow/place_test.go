package follow

import (
	"errors"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// TestPlace: a dump is no place for a chain, and neither is a delta.
func TestPlace(t *testing.T) {
	s := newStand(t, pikasim.Options{}, "SET a 1")
	smallpika.Send(t, s.Addr(), "SET a 2")
	if log, err := s.follow(t.Context(), once); err != nil {
		t.Fatal(err, log)
	}
	for _, place := range append(s.deltas(t), s.base) {
		if _, err := s.follow(t.Context(), once, func(o *Options) { o.Chain = place }); !errors.Is(err, reader.ErrRefused) {
			t.Errorf("%s: %v", place, err)
		}
	}
}
