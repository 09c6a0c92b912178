package rollback

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/alicebob/miniredis/v2/server"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

func zset(key string, score float64) format.Record {
	return format.Record{Kind: format.Zset, Key: []byte(key), Part: format.PartFirst | format.PartLast, Elems: [][]byte{[]byte("m")}, Scores: []float64{score}}
}

// TestRestoresScores: scores that no command brings to the target, and that a load by raw batches
// brought there, come back by such batches. Where the target does not prove them any more they are
// listed, and the load is undone all the same: it can be loaded again, and what is below be undone.
func TestRestoresScores(t *testing.T) {
	for _, proves := range []bool{true, false} {
		var without atomic.Bool
		k := minitarget.StartKvrocks(t, minitarget.Options{Before: func(c *server.Peer, cmd string, _ ...string) bool {
			if cmd == "COMMAND" && without.Load() {
				c.WriteError("ERR what")
				return true
			}
			return false
		}})
		records := []format.Record{zset("nan", math.NaN()), zset("subnormal", math.SmallestNonzeroFloat64), zset("usual", 2)}
		changes := []format.Record{zset("nan", 3), smalldump.Deleted("subnormal"), zset("usual", 4)}
		base := load.Spec{
			Dump: smalldump.Make(t, smalldump.Options{}, records), Workers: 1, Target: writer.Options{Target: target.Options{Addr: k.Addr()}},
			Rewrite: rewrite.Options{Conflict: rewrite.Fail, TTL: rewrite.TTL{Mode: rewrite.Keep}},
		}
		run := func(o load.Options) {
			t.Helper()
			var log bytes.Buffer
			o.MaxErrors = -1
			if err := load.Run(t.Context(), o, &log, &log); err != nil {
				t.Fatalf("%v\n%s", err, &log)
			}
		}
		run(load.Options{Spec: base, Method: load.Raw})
		before := k.Keys()
		delta := base
		delta.Base, delta.Dump = base.Dump, filepath.Join(t.TempDir(), "000001")
		smalldump.Delta(t, delta.Dump, base.Dump, changes)
		for round := range 2 {
			run(load.Options{Spec: delta, Undo: filepath.Join(t.TempDir(), "undo"), Tool: "test"})
			without.Store(!proves)
			err := Run(t.Context(), Options{Spec: delta}, &bytes.Buffer{})
			without.Store(false)
			var left *exitcode.LeftOutError
			switch {
			case (proves || round > 0) && err != nil: // the second time they are not there to be saved
				t.Fatal(err)
			case proves && strings.Join(k.Keys(), " ") != strings.Join(before, " "):
				t.Errorf("the target has %q, and had %q", k.Keys(), before)
			case !proves && round == 0 && (!errors.As(err, &left) || !strings.Contains(left.Text, "the target refuses 4 keys and members that it held before: see ")):
				t.Fatal(err)
			}
			if left != nil {
				_, list, _ := strings.Cut(left.Text, "see ")
				if lines, err := os.ReadFile(list); err != nil || bytes.Count(lines, []byte("\n")) != 4 {
					t.Errorf("%v: %s", err, lines)
				}
				if err := Run(t.Context(), Options{Spec: delta}, &bytes.Buffer{}); err != nil { // undone already
					t.Error(err)
				}
			}
		}
		if err := Run(t.Context(), Options{Spec: base}, &bytes.Buffer{}); err != nil && (proves || !exitcode.IsEnd(err)) {
			t.Error(err)
		}
		if got := k.Keys(); len(got) > 0 {
			t.Errorf("the target still has %q", got)
		}
	}
}
