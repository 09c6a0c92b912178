package preimage_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2/server"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// TestChanging: a key that expires, or is written to, while it is saved is read again, a large one
// with all others; one that never rests is an error that may pass.
func TestChanging(t *testing.T) {
	for name, tc := range map[string]struct {
		length int
		times  int // that it changes
		expire bool
		code   int
		saved  int64
	}{
		"expires": {1, 1, true, 0, 1}, "changes": {1, 3, false, 0, 2}, "never rests": {1, 1 << 20, false, exitcode.TryAgain, 0},
		"a large one expires": {500, 1, true, 0, 1}, "a large one changes": {500, 1, false, 0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := minitarget.Start()
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			m.Set("a", "old")
			for range tc.length {
				m.Push("k", "x")
			}
			left, answer := tc.times, minitarget.Hook()
			m.Server().SetPreHook(func(p *server.Peer, cmd string, args ...string) bool {
				if cmd == "LRANGE" && args[0] == "k" && left > 0 {
					left--
					if tc.expire {
						m.Del("k")
					} else {
						m.Push("k", "y")
					}
				}
				return answer(p, cmd, args...)
			})
			o := load.Options{MaxErrors: -1, Tool: "test", Spec: load.Spec{
				Dump:   smalldump.Make(t, smalldump.Options{}, []format.Record{smalldump.String("a", "1"), smalldump.String("k", "1")}),
				Target: writer.Options{Target: target.Options{Addr: m.Addr()}, OnExists: writer.Replace}, Workers: 1,
				Rewrite: rewrite.Options{Conflict: rewrite.Fail, TTL: rewrite.TTL{Mode: rewrite.Keep}},
			}}
			o.Undo = filepath.Join(t.TempDir(), "undo")
			var log bytes.Buffer
			err = load.Run(t.Context(), o, &log, &log)
			got := 0
			if err != nil {
				got = load.ExitCode(err)
			}
			if got != tc.code || err != nil && !strings.Contains(err.Error(), "the key changes while it is read") {
				t.Fatalf("exit code %d, want %d: %v\n%s", got, tc.code, err, &log)
			}
			if err != nil {
				return
			}
			a, err := archive.Open(t.Context(), o.Undo, 1)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			n := int64(0)
			for _, c := range a.Manifest.Chunks {
				n += c.Keys
			}
			if n != tc.saved {
				t.Errorf("%d keys are saved, want %d", n, tc.saved)
			}
		})
	}
}
