package reader

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// TestGone: what becomes of a key between its listing and its reading is told where the source
// tells it: never is a key that the source may still have taken for one that has expired.
func TestGone(t *testing.T) {
	makers := map[format.Type][]any{
		format.TypeString: {"SET", "k", "v"}, format.TypeHash: {"HSET", "k", "f", "v"}, format.TypeList: {"RPUSH", "k", "e"},
		format.TypeSet: {"SADD", "k", "m"}, format.TypeZset: {"ZADD", "k", 1, "m"},
	}
	for _, v := range versions {
		for typ, maker := range makers {
			for _, expires := range []bool{true, false} {
				for _, scan := range []string{ScanAuto, ScanScan} {
					now := time.Date(2026, 11, 28, 12, 0, 0, 500e6, time.UTC)
					var ahead atomic.Int64
					var do atomic.Pointer[func()] // once, before the first command about the key
					srv, c := startSim(t, pikasim.Options{Version: v, Clock: func() time.Time { return now.Add(time.Duration(ahead.Load())) },
						Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
							if len(args) > 1 && string(args[1]) == "k" || len(args) > 2 && string(args[2]) == "k" {
								if f := do.Swap(nil); f != nil {
									(*f)()
								}
							}
							return nil, false, false
						}})
					mustDo(t, c, maker...)
					mustDo(t, c, "EXPIRE", "k", 100)
					vanish := func() { ahead.Store(int64(time.Hour)) }
					if !expires {
						vanish = func() { mustDo(t, c, "DEL", "k") }
					}
					do.Store(&vanish)
					want := DeletedOrExpired
					if typ == format.TypeString && v != pikasim.V340 && v != pikasim.V355 {
						want = map[bool]Reason{true: Expired, false: Gone}[expires]
					}
					if scan == ScanScan { // a name of no type
						want = DeletedOrExpired
					}
					g := newGathered(t)
					s := open(t, Options{Addr: srv.Addr(), Scan: scan})
					var err error
					if scan == ScanScan {
						err = s.ScanCursor(t.Context(), NewPass(0, "", nil, nil), func(format.Type) Sink { return g })
					} else {
						err = s.Scan(t.Context(), NewPass(0, typ, nil, nil), g)
					}
					if err != nil {
						t.Fatal(err)
					}
					if len(g.keys) > 0 || !slices.Equal(g.skipped[want], []string{"k"}) {
						t.Errorf("%s %s expires %v, --scan %s: keys %q, skipped %v, want %s", v, typ, expires, scan, g.keys, g.skipped, want)
					}
				}
			}
		}
	}
}
