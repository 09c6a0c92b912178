package dumpreport

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/stats"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

// evil are names that would do something if they were printed as they are.
var evil = []string{"\x1b[31mred", "<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "{{.}}", "\u202eevil", "</style><script>alert(2)</script>:1"}

// sample counts a dump with something of everything.
func sample(t *testing.T) (*archive.Archive, *stats.Stats) {
	t.Helper()
	rnd := rand.New(rand.NewPCG(1, 2))
	var records []format.Record
	add := func(name string, size int, ttl time.Duration) {
		r := smalldump.String(name, strings.Repeat("x", size))
		if ttl != 0 {
			r.Expire = time.Now().Add(ttl).UnixMilli()
		}
		records = append(records, r)
	}
	for i := range 300 {
		add(fmt.Sprintf("tenant:%d:session:%x", i%7, i), 10+rnd.IntN(5000), time.Duration(i)*time.Hour-10*time.Hour)
		add(fmt.Sprintf("log:2026-11-%02d:%d", 1+i%28, i), rnd.IntN(60), 0)
	}
	for i, name := range evil {
		add(name, 100_000+i, 0)
	}
	add(strings.Repeat("a very long name ", 30), 200_000, 0)
	h := smalldump.Hash("profile", "a", "b", "c", "d")
	l := smalldump.String("visitors", "HYLL")
	l.Kind = format.HyperLogLog
	records = append(records, h, l)
	slices.SortFunc(records, func(a, b format.Record) int { return bytes.Compare(a.Key, b.Key) })
	a, err := archive.Open(t.Context(), smalldump.Make(t, smalldump.Options{ChunkBytes: 100_000}, records, []format.Record{smalldump.Hash("only", "a", "b")}), 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	s, err := stats.Run(t.Context(), stats.Options{Archive: a, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	return a, s
}

// TestText: it fits the terminal, and prints nothing that a terminal would act on.
func TestText(t *testing.T) {
	_, s := sample(t)
	for _, width := range []int{0, 60, 80, 200} {
		var b strings.Builder
		Text(&b, s, width)
		for line := range strings.Lines(b.String()) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); width > 0 && n > width {
				t.Errorf("%d columns of %d: %s", n, width, line)
			}
			for _, r := range strings.TrimRight(line, "\n") {
				if r < ' ' || r == '\u202e' {
					t.Errorf("%q", line)
				}
			}
		}
		for _, want := range []string{"tenant:<n>:", "log:<date>:", "hyperloglog", "does not expire", "expired by then", `"\x1b[31mred"`, "0 or 1"} {
			if width != 60 && !strings.Contains(b.String(), want) {
				t.Errorf("in %d columns it does not say %q:\n%s", width, want, b.String())
			}
		}
	}
	if testing.Verbose() {
		Text(t.Output(), s, 80)
		Text(t.Output(), s, 60)
	}
}
