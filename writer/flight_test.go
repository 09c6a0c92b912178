package writer

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/redisserver"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// flights is a Pacer that takes notes, and refuses what comes behind so many.
type flights struct {
	list  []Pipeline
	limit int
}

var errEnough = errors.New("enough")

func (f *flights) Rest(_ context.Context, flight Pipeline) error {
	f.list = append(f.list, flight)
	if f.limit > 0 && len(f.list) > f.limit {
		return errEnough
	}
	return nil
}

// TestFlights: a pacer is told of all that is sent, and no pipeline begins more keys than it may.
func TestFlights(t *testing.T) {
	addr := redisserver.Start(t).Addr
	var list []format.Record
	elements := 0
	for i := range 95 {
		r := format.Record{Kind: format.String, Part: format.PartWhole, Key: fmt.Appendf(nil, "s%03d", i), Value: []byte("x")}
		list, elements = append(list, r), elements+1
	}
	big := format.Record{Kind: format.Set, Part: format.PartWhole, Key: []byte("set")}
	for i := range 3000 {
		big.Elems = append(big.Elems, fmt.Appendf(nil, "%d", i))
	}
	list, elements = append(list, big), elements+3000
	for _, onExists := range []OnExists{Fail, Replace, Skip} {
		p := &flights{}
		s, left := mustLoad(t, Options{Target: target.Options{Addr: addr}, Pacer: p, BatchKeys: 10, BatchBytes: 8 << 10, CommandElements: 100, OnExists: onExists}, list...)
		keys, elems, bytes := 0, 0, 0
		for _, f := range p.list {
			keys, elems, bytes = keys+f.Keys, elems+f.Elements, bytes+f.Bytes
			if f.Keys > 10 || f.Took <= 0 || f.Commands == 0 {
				t.Errorf("%s: %+v", onExists, f)
			}
		}
		switch {
		case onExists == Skip && (len(left) != len(list) || len(p.list) > 0):
			t.Errorf("%s: %d left out, %d flights", onExists, len(left), len(p.list))
		case onExists != Skip && (keys != len(list) || elems != elements || int64(bytes) != s.Bytes):
			t.Errorf("%s: %d keys, %d elements, %d bytes; want %d, %d, %d", onExists, keys, elems, bytes, len(list), elements, s.Bytes)
		}
	}
	_, _, err := load(t, Options{Target: target.Options{Addr: addr}, Pacer: &flights{limit: 1}, BatchKeys: 10, OnExists: Replace}, list...)
	if !errors.Is(err, errEnough) {
		t.Errorf("a pacer that ends the load: %v", err)
	}
}
