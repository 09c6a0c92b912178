package rollback

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/alicebob/miniredis/v2/server"
	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/redisserver"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// TestInPart: a target that cannot be written to any more when keys are to be put back is no
// refusal of the whole, which would say that nothing was written.
func TestInPart(t *testing.T) {
	m := start(t)
	m.HSet("h", "before", "1")
	l := loadInto(t, m, true, smalldump.Options{}, []format.Record{smalldump.Hash("h", "new", "2")})
	var removed atomic.Bool
	answer := minitarget.Hook()
	m.Server().SetPreHook(func(p *server.Peer, cmd string, args ...string) bool {
		removed.CompareAndSwap(false, cmd == "DEL")
		if removed.Load() && cmd == "INFO" && args[0] == "replication" {
			p.WriteBulk("role:slave\r\n")
			return true
		}
		return answer(p, cmd, args...)
	})
	err := Run(t.Context(), l.o, io.Discard)
	if load.ExitCode(err) != exitcode.TryAgain || !strings.Contains(err.Error(), "undone in part: run it again") {
		t.Errorf("it ends with %d: %v", load.ExitCode(err), err)
	}
	m.Server().SetPreHook(minitarget.Hook())
	l.undo(t, "")
	if got := m.HGet("h", "before"); got != "1" {
		t.Errorf("h has %q", got)
	}
}

// TestCountRefused: a stream of which the target has the entries, and refuses the count of those
// that were ever added, is the load's, and one that others have added to is not.
func TestCountRefused(t *testing.T) {
	stream := func(key string) format.Record {
		fields := [][]byte{[]byte("f"), []byte("v")}
		return format.Record{Kind: format.Stream, Key: []byte(key), Part: format.PartWhole,
			Entries: []format.Entry{{ID: format.StreamID{Ms: 1}, Fields: fields}, {ID: format.StreamID{Ms: 2}, Fields: fields}},
			State:   &format.StreamState{LastID: format.StreamID{Ms: 2}, EntriesAdded: 1}}
	}
	for _, save := range []bool{false, true} {
		s := redisserver.Start(t)
		client := redis.NewClient(&redis.Options{Addr: s.Addr, Protocol: 2, DisableIdentity: true})
		defer client.Close()
		o := Options{Spec: load.Spec{
			Dump: smalldump.Make(t, smalldump.Options{}, []format.Record{stream("x"), stream("y")}), Workers: 1,
			Target:  writer.Options{Target: target.Options{Addr: s.Addr}, OnExists: writer.Replace},
			Rewrite: rewrite.Options{Conflict: rewrite.Fail, TTL: rewrite.TTL{Mode: rewrite.Keep}},
		}}
		l := load.Options{Spec: o.Spec, MaxErrors: -1}
		if save {
			l.Undo, l.Tool = filepath.Join(t.TempDir(), "undo"), "test"
		}
		var log bytes.Buffer
		if err := load.Run(t.Context(), l, &log, &log); load.ExitCode(err) != exitcode.LeftOut {
			t.Fatalf("%v\n%s", err, &log)
		}
		if err := client.Do(t.Context(), "XADD", "y", "3-0", "of", "others").Err(); err != nil {
			t.Fatal(err)
		}
		err := Run(t.Context(), o, &log)
		if !errors.As(err, new(*exitcode.LeftOutError)) {
			t.Errorf("%v\n%s", err, &log)
		}
		if got, err := client.Keys(t.Context(), "*").Result(); err != nil || len(got) != 1 || got[0] != "y" {
			t.Errorf("the target has %s, %v", got, err)
		}
	}
}
