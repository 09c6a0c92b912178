package loadchain

import (
	"os"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

// TestForeign: what is not of the chain is refused before any of it is sent, and named; when what
// belongs there is back, the chain goes on.
func TestForeign(t *testing.T) {
	c := newChain(t, smalldump.String("a", "0"))
	older, other := newChain(t, smalldump.String("a", "0")), newChain(t, smalldump.String("a", "0"))
	older.last = c.last // of the same base
	for i := range 3 {
		c.delta(smalldump.String("a", string(rune('1'+i))))
		older.delta(smalldump.String("foreign", "1"))
		other.delta(smalldump.String("foreign", "1"))
	}
	at := archive.DeltaPath
	info, whole := "/"+format.InfoName, "this is no whole chain of deltas: "
	for _, tc := range []struct {
		own, foreign string
		code         int
		says         string
	}{
		{at(c.dir, 1) + info, at(older.dir, 1) + info, exitcode.Corrupt, "000001/dump.json at 0: it belongs to dump"},
		{at(c.dir, 2) + info, at(older.dir, 2) + info, exitcode.Corrupt, "000002/dump.json at 0: it belongs to dump"},
		{at(c.dir, 3) + info, at(c.dir, 1) + info, exitcode.Corrupt, "/dump.json at 0: it belongs to dump"},
		{at(c.dir, 1) + "/manifest.json", at(older.dir, 1) + "/manifest.json", exitcode.Corrupt, "000001/dump.json at 0"},
		{at(c.dir, 3) + "/manifest.json", at(other.dir, 3) + "/manifest.json", exitcode.Corrupt, "000003/dump.json at 0"},
		{at(c.dir, 1), at(older.dir, 1), exitcode.Corrupt, whole + at(c.dir, 2) + " does not follow " + at(c.dir, 1)},
		{at(c.dir, 2), at(older.dir, 2), exitcode.Corrupt, whole + at(c.dir, 2) + " does not follow " + at(c.dir, 1)},
		{at(c.dir, 3), at(older.dir, 3), exitcode.Corrupt, whole + at(c.dir, 3) + " does not follow " + at(c.dir, 2)},
		{at(c.dir, 3), at(other.dir, 3), exitcode.Corrupt, whole + at(c.dir, 3) + " does not follow " + at(c.dir, 2)},
		{at(c.dir, 1), at(other.dir, 1), exitcode.Refused, "put the right delta into " + at(c.dir, 1)},
		{at(c.dir, 1), at(c.dir, 2), exitcode.Refused, at(c.dir, 1) + " is not delta 1 of a chain"},
		{at(c.dir, 2), at(c.dir, 3), exitcode.Refused, at(c.dir, 2) + " is not delta 2 of a chain"},
	} {
		m, err := minitarget.Start()
		if err != nil {
			t.Fatal(err)
		}
		c.m, c.base.Target.Target.Addr, c.base.State = m, m.Addr(), t.TempDir()
		c.load(c.base)
		swap := func() {
			for _, r := range [][2]string{{tc.own, tc.own + "-"}, {tc.foreign, tc.own}, {tc.own + "-", tc.foreign}} {
				if err := os.Rename(r[0], r[1]); err != nil {
					t.Fatal(err)
				}
			}
		}
		swap()
		c.follow(false, tc.code, tc.says)
		if strings.HasPrefix(tc.own, at(c.dir, 1)) {
			if a, _ := m.Get("a"); a != "0" {
				t.Errorf("%s for %s: a is %s", tc.foreign, tc.own, a)
			}
		}
		c.holds("a=string")
		swap()
		c.follow(false, 0)
		if a, _ := m.Get("a"); a != "3" {
			t.Errorf("%s for %s, then back: a is %s", tc.foreign, tc.own, a)
		}
		m.Close()
	}
}
