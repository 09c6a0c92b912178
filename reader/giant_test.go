package reader

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// giantSink counts the giants that passes have, until they are handed over.
type giantSink struct {
	*gathered
	now *atomic.Int64
}

func (s giantSink) Record(r *format.Record) error {
	err := s.gathered.Record(r)
	if r.Part&format.PartLast != 0 && len(r.Key) == len("giant0") {
		s.now.Add(-1)
	}
	return err
}

// TestGiants: passes that run beside one another have no more giant values at once than their
// memory has room for, whatever the type, read all of them, and hold nothing in the end.
func TestGiants(t *testing.T) {
	const size = 5 << 20
	value := string(bytes.Repeat([]byte("v"), size))
	for _, x := range []struct {
		version pikasim.Version
		typ     format.Type
		copies  int64
		paced   bool
	}{
		{pikasim.V401, format.TypeString, 1, false}, {pikasim.V401, format.TypeString, 1, true},
		{pikasim.V355, format.TypeHash, 3, false},
	} {
		t.Run(fmt.Sprintf("%s/%s/paced=%v", x.version, x.typ, x.paced), func(t *testing.T) {
			srv, c := startSim(t, pikasim.Options{Version: x.version, Databases: 4})
			for db := range 4 {
				mustDo(t, c, "SELECT", db)
				for i := range 3 {
					for _, key := range []string{fmt.Sprintf("giant%d", i), fmt.Sprintf("giant%d-small", i)} {
						v := value
						if len(key) > len("giant0") {
							v = "v"
						}
						switch x.typ {
						case format.TypeString:
							mustDo(t, c, "SET", key, v)
						case format.TypeHash:
							mustDo(t, c, "HSET", key, "f", v)
						}
					}
				}
			}
			var now, most atomic.Int64
			o := Options{Addr: srv.Addr(), sawBuffer: func(bytes int) {
				if bytes > size {
					most.Store(max(most.Load(), now.Add(1)))
				}
			}}
			if x.paced {
				o.Pacer = &heldUp{}
			}
			s := open(t, o)
			room := x.copies * (2*size + 1<<10)
			s.d.giants = resp.NewMemory(room)
			var g errgroup.Group
			for db := range 4 {
				sink := giantSink{newGathered(t), &now}
				g.Go(func() error {
					err := s.Scan(t.Context(), NewPass(db, x.typ, nil, nil), sink)
					if len(sink.keys) != 6 || len(sink.skipped) > 0 {
						t.Errorf("db%d: keys %q, skipped %v", db, sink.keys, sink.skipped)
					}
					return err
				})
			}
			if err := g.Wait(); err != nil || most.Load() > 2 || most.Load() == 0 || now.Load() != 0 {
				t.Errorf("%d giants at once, want at most 2; %d left; %v", most.Load(), now.Load(), err)
			}
			last := s.d.giants.Hold()
			last.Context = t.Context()
			b := resp.Buffer{Hold: &last}
			if err := b.Fill(bytes.NewReader(fmt.Appendf(nil, "$%d\r\n%s\r\n", room, make([]byte, room))), 1); err != nil || last.Waited > 0 {
				t.Errorf("the passes still hold memory: %v", err)
			}
		})
	}
}
