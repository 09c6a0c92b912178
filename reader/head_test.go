package reader

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// TestHead: a hash, set or zset without an expiry that is deleted and made anew between two pieces
// is read anew. If it is so each time it is kept, and listed. One that loses its first elements by
// and by is the same one.
func TestHead(t *testing.T) {
	removes := map[format.Type]string{format.TypeHash: "HDEL", format.TypeSet: "SREM", format.TypeZset: "ZREM"}
	versions := []pikasim.Version{pikasim.V355, pikasim.V401}
	for i, tc := range []struct {
		what    string
		do      func(h *hooked, typ format.Type, n int64)
		dropped int
		listed  bool
	}{
		{"made anew once", func(h *hooked, typ format.Type, n int64) {
			if n == 4 {
				mustDo(t, h.c, "DEL", "k")
				h.fill(t, typ, 2000, 3000)
			}
		}, 1, false},
		{"made anew behind its first piece", func(h *hooked, typ format.Type, n int64) {
			if n == 2 {
				mustDo(t, h.c, "DEL", "k")
				h.fill(t, typ, 2000, 3000)
			}
		}, 1, false},
		{"made anew each time", func(h *hooked, typ format.Type, n int64) {
			if n%3 == 0 {
				mustDo(t, h.c, "DEL", "k")
				h.fill(t, typ, 1000*int(n), 1000*int(n)+1000)
			}
		}, maxTries - 1, true},
		{"a queue", func(h *hooked, typ format.Type, n int64) {
			for i := range 7 {
				mustDo(t, h.c, removes[typ], "k", fmt.Sprintf("e%06d", 7*int(n)+i-7))
			}
			h.fill(t, typ, 1000+int(n), 1001+int(n))
		}, 0, false},
		{"elements that come first", func(h *hooked, typ format.Type, n int64) {
			mustDo(t, h.c, map[format.Type][]any{
				format.TypeHash: {"HSET", "k", fmt.Sprint("a", n), "v"}, format.TypeSet: {"SADD", "k", fmt.Sprint("a", n)}, format.TypeZset: {"ZADD", "k", -n, fmt.Sprint("a", n)},
			}[typ]...)
		}, 0, false},
	} {
		v := versions[i%2]
		for typ := range removes {
			h := startHooked(t, pikasim.Options{Version: v})
			h.fill(t, typ, 0, 1000)
			g := h.read(t, typ, 64, func(n int64, _ [][]byte) { tc.do(h, typ, n) })
			listed := slices.Equal(g.skipped[Changed], []string{"k"})
			if g.dropped != tc.dropped || listed != tc.listed || len(g.keys) != 1 {
				t.Errorf("%s %s %s: dropped %d times, skipped %v", v, typ, tc.what, g.dropped, g.skipped)
			}
			if strings.HasPrefix(tc.what, "made") && !tc.listed {
				if old, all := strings.Count(g.values["k"], `"e000`), strings.Count(g.values["k"], `"e00`); old > 0 || all != 1000 {
					t.Errorf("%s %s %s: %d elements, %d of the one before", v, typ, tc.what, all, old)
				}
			}
		}
	}
}
