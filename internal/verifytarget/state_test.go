package verifytarget_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2/server"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rewrite"
	"github.com/pika2kvrocks/pika2kvrocks/internal/rollback"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/redisserver"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
	"github.com/pika2kvrocks/pika2kvrocks/internal/verifytarget"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// TestUnfinished: a load that is not finished, one that was undone, and one behind which a delta
// was loaded explain what differs.
func TestUnfinished(t *testing.T) {
	m, err := minitarget.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	o := load.Options{MaxErrors: -1, Spec: load.Spec{
		Dump:    smalldump.Make(t, smalldump.Options{}, []format.Record{smalldump.String("a", "1"), smalldump.Hash("h", "f", "v")}),
		Workers: 1, Rewrite: rewrite.Options{Conflict: rewrite.Fail, TTL: rewrite.TTL{Mode: rewrite.Keep}},
	}}
	o.Target.Target.Addr = m.Addr()
	var log bytes.Buffer
	verify := func(says string) {
		t.Helper()
		s := o.Spec
		s.Summary = summary.New("test", "", "verify")
		var out bytes.Buffer
		err := verifytarget.Run(t.Context(), verifytarget.Options{Spec: s, Rounds: 1}, &out, &out)
		note := strings.Join(s.Summary.Notes, " ")
		if says == "" && (err != nil || note != "") || says != "" && (err == nil || !strings.Contains(note, says) || !strings.Contains(out.String(), "warning: by the journal in ")) {
			t.Errorf("want %q: %v, %s\n%s", says, err, note, &out)
		}
	}
	hook := minitarget.Hook()
	m.Server().SetPreHook(func(p *server.Peer, cmd string, args ...string) bool {
		if cmd == "HSET" && !strings.HasPrefix(args[0], "kvload-probe-") {
			p.WriteError("ERR IO error: No space left on device")
			return true
		}
		return hook(p, cmd, args...)
	})
	if err := load.Run(t.Context(), o, &log, &log); err == nil {
		t.Fatal("it was loaded")
	}
	verify("this load is not finished, ")
	m.Server().SetPreHook(minitarget.Hook())
	o.Resume = true
	if err := load.Run(t.Context(), o, &log, &log); err != nil {
		t.Fatal(err, log.String())
	}
	verify("")
	delta := o
	delta.Dump, delta.Base, delta.Resume = t.TempDir()+"/000001", o.Dump, false
	smalldump.Delta(t, delta.Dump, o.Dump, []format.Record{smalldump.String("a", "2")})
	if err := load.Run(t.Context(), delta, &log, &log); err != nil {
		t.Fatal(err, log.String())
	}
	chain := filepath.Dir(delta.Dump)
	verify("1 delta was loaded behind it: what has changed since differs; compare with all: kvload verify --in " + chain + " --base " + o.Dump)
	m.FlushAll()
	o.Resume = false
	if err := load.Run(t.Context(), o, &log, &log); err != nil {
		t.Fatal(err, log.String())
	}
	verify("")
	if err := rollback.Run(t.Context(), rollback.Options{Spec: o.Spec}, &log); err != nil {
		t.Fatal(err, log.String())
	}
	verify("this load was undone on ")
}

// TestMoved: databases in other places than those of the load are not compared, as equal keys there
// would be no proof.
func TestMoved(t *testing.T) {
	o := load.Options{MaxErrors: -1, Spec: load.Spec{
		Dump:    smalldump.Make(t, smalldump.Options{}, []format.Record{smalldump.String("a", "1")}, []format.Record{smalldump.String("b", "1")}),
		Workers: 1, Rewrite: rewrite.Options{Conflict: rewrite.Fail, TTL: rewrite.TTL{Mode: rewrite.Keep}},
		MapDB: map[int]target.Keyspace{0: {DB: 0}, 1: {DB: 1}},
	}}
	o.Target.Target.Addr = redisserver.Start(t).Addr
	var log bytes.Buffer
	if err := load.Run(t.Context(), o, &log, &log); err != nil {
		t.Fatal(err, log.String())
	}
	for _, swapped := range []bool{false, true} {
		s := o.Spec
		s.Summary = summary.New("test", "", "verify")
		if swapped {
			s.MapDB = map[int]target.Keyspace{0: {DB: 1}, 1: {DB: 0}}
		}
		var out bytes.Buffer
		err := verifytarget.Run(t.Context(), verifytarget.Options{Spec: s, Rounds: 1}, &out, &out)
		if errors.Is(err, exitcode.ErrRefused) != swapped || !swapped && err != nil {
			t.Errorf("swapped %v: %v\n%s", swapped, err, &out)
		}
	}
}
