package verifytarget

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2/server"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pace"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
)

// TestChain: a delta is compared by what it holds and what it says is gone, a chain by what it
// amounts to as far as it is loaded.
func TestChain(t *testing.T) {
	m, err := minitarget.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	spec := load.Spec{
		Dump:    smalldump.Make(t, smalldump.Options{}, []format.Record{smalldump.String("a", "1"), smalldump.String("b", "1"), smalldump.Hash("both", "f", "v"), smalldump.String("both", "1")}),
		Workers: 1, Rewrite: rewrite.Options{Conflict: rewrite.Suffix, TTL: rewrite.TTL{Mode: rewrite.Keep}},
	}
	spec.Target.Target.Addr = m.Addr()
	base, chain := spec.Dump, filepath.Join(t.TempDir(), "chain")
	var deltas []string
	for n, changes := range [][]format.Record{{smalldump.Deleted("b"), smalldump.String("both", "2"), smalldump.String("c", "1")}, {smalldump.String("a", "3")}} {
		deltas = append(deltas, archive.DeltaPath(chain, n+1))
		smalldump.Delta(t, deltas[n], append([]string{base}, deltas...)[n], changes)
	}
	into := func(dump string) {
		t.Helper()
		s := spec
		s.Dump, s.Base = dump, base
		var log bytes.Buffer
		if err := load.Run(t.Context(), load.Options{Spec: s, MaxErrors: -1}, &log, &log); err != nil {
			t.Fatal(err, log.String())
		}
	}
	verify := func(dump string, code int, says string) {
		t.Helper()
		s := spec
		s.Dump, s.Base = dump, base
		s.Summary = summary.New("test", "", "verify")
		var out bytes.Buffer
		err := Run(t.Context(), Options{Spec: s, Rounds: 1, Reverse: dump == chain}, &out, &out)
		got := exitcode.Done
		if err != nil {
			got = load.ExitCode(err)
		}
		s.Summary.End(err, got)
		if text := out.String() + s.Summary.String(); got != code || !strings.Contains(text, says) {
			t.Errorf("%s: exit code %d, want %d and %q: %v\n%s", dump, got, code, says, err, text)
		}
	}
	into(base)
	verify(chain, 4, "the base and 0 deltas; 2 more of the chain are not loaded")
	into(deltas[0])
	verify(deltas[0], 0, "compared 4 keys: equal")
	verify(chain, 4, "the base and 1 delta; 1 more of the chain are not loaded")
	m.Set("b", "1")
	verify(deltas[0], 4, "the delta says that it is gone")
	m.Del("b")
	m.Set("both:hash", "1") // a name that a hash had before: it is not of this type
	verify(deltas[0], 0, "compared 4 keys: equal")
	m.Del("both:hash")
	hook := minitarget.Hook()
	m.Server().SetPreHook(func(c *server.Peer, cmd string, args ...string) bool {
		if cmd == "SET" && args[0] == "a" {
			c.WriteError("ERR IO error: No space left on device")
			return true
		}
		return hook(c, cmd, args...)
	})
	s := spec
	s.Dump, s.Base = deltas[1], base
	if err := load.Run(t.Context(), load.Options{Spec: s, MaxErrors: -1}, io.Discard, io.Discard); err == nil {
		t.Fatal("it was loaded")
	}
	m.Server().SetPreHook(hook)
	verify(chain, 4, "1 more of the chain are not loaded, by the journals, but a part of delta 2: what that has changed differs")
	if err := load.Run(t.Context(), load.Options{Spec: s, MaxErrors: -1, Resume: true}, io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	verify(deltas[1], 0, "compared 1 key: equal")
	verify(chain, 0, "compared 3 keys: equal")
	m.Set("a", "1")
	verify(chain, 4, "1 key: value")
}

// TestRate: a comparison waits for its rate.
func TestRate(t *testing.T) {
	m, err := minitarget.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var records []format.Record
	for i := range 40 {
		m.Set(fmt.Sprintf("k%02d", i), strings.Repeat("x", 100))
		records = append(records, smalldump.String(fmt.Sprintf("k%02d", i), strings.Repeat("x", 100)))
	}
	spec := load.Spec{Dump: smalldump.Make(t, smalldump.Options{}, records), Workers: 1, Rewrite: rewrite.Options{Conflict: rewrite.Fail}}
	spec.Target.Target.Addr = m.Addr()
	for _, limits := range []pace.Limits{{Keys: 1}, {Bytes: 1024}} {
		s := spec
		s.Meter = progress.NewMeter()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			var out bytes.Buffer
			ended <- Run(ctx, Options{Spec: s, Rounds: 1, Limits: limits}, &out, &out)
		}()
		for len(s.Meter.Snapshot().Waits) == 0 {
			select {
			case err := <-ended:
				t.Fatalf("%+v: it has not waited: %v", limits, err)
			case <-time.After(time.Millisecond):
			}
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("%+v: %v", limits, err)
		}
	}
}
