package follow

import (
	"errors"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// TestReplica: a replica logs what its data do not have yet. Neither it nor its dump is followed.
func TestReplica(t *testing.T) {
	s := newStand(t, pikasim.Options{Replica: true})
	log, err := s.follow(t.Context(), once)
	if !errors.Is(err, reader.ErrRefused) || !strings.Contains(err.Error(), "the base was made of a replica") {
		t.Errorf("%v\n%s", err, log)
	}
	for _, role := range []string{"slave", "master&&slave"} {
		now := &reader.ServerInfo{Source: format.Source{Role: role}}
		err := sameSource([]*format.Info{{}}, nil, now)
		if !errors.Is(err, reader.ErrRefused) || !strings.Contains(err.Error(), "the source is a replica") {
			t.Errorf("%s: %v", role, err)
		}
	}
}
