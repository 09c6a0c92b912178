package load

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/alicebob/miniredis/v2/server"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// TestMethod: raw batches are written where the target proves to read them, and where the user lets
// it be asked; a load says which method it takes and why.
func TestMethod(t *testing.T) {
	refusing := func(command string) server.Hook {
		return func(c *server.Peer, cmd string, _ ...string) bool {
			if cmd == command {
				c.WriteError("ERR what")
			}
			return cmd == command
		}
	}
	for _, tc := range []struct {
		name     string
		method   Method
		refused  string // a command that the target refuses
		onExists writer.OnExists
		raw      bool
		code     int
		says     string
	}{
		{"auto", Auto, "", writer.Fail, true, 0, "method: raw batches"},
		{"auto, unproved", Auto, "HGETALL", writer.Fail, true, 0, "method: commands (behind a raw batch the target answers HGETALL with"},
		{"auto, unknown", Auto, "COMMAND", writer.Fail, false, 0, "method: commands (the target has no APPLYBATCH)"},
		{"auto, replace", Auto, "", writer.Replace, false, 0, "method: commands (only --method raw"},
		{"raw, replace", Raw, "", writer.Replace, true, 0, "method: raw batches"},
		{"raw, skip", Raw, "", writer.Skip, true, 0, "method: raw batches"},
		{"raw, unproved", Raw, "HGETALL", writer.Fail, true, 5, "--method raw: behind a raw batch"},
		{"commands", Commands, "", writer.Fail, false, 0, "loaded 3 keys"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var raw atomic.Bool
			other := refusing(tc.refused)
			k := minitarget.StartKvrocks(t, minitarget.Options{Before: func(c *server.Peer, cmd string, args ...string) bool {
				if cmd == "APPLYBATCH" {
					raw.Store(true)
				}
				return other(c, cmd, args...)
			}})
			o := options(t, k.Addr(), three)
			o.Method, o.Target.OnExists = tc.method, tc.onExists
			log, err := run(t, o)
			wants(t, log, err, tc.code, tc.says)
			if raw.Load() != tc.raw {
				t.Errorf("APPLYBATCH was sent: %v", raw.Load())
			}
			want := "a b h"
			if tc.code > 0 {
				want = ""
			}
			if got := strings.Join(k.Keys(), " "); got != want {
				t.Errorf("the target has %q", got)
			}
		})
	}
}

// TestMethodResumed: a load that was begun by commands goes on by commands unless it is told
// otherwise, and one that was begun by raw batches by those, once the target has proved them again.
func TestMethodResumed(t *testing.T) {
	for _, tc := range []struct {
		begun, resumed Method
		onExists       writer.OnExists
		says           string
	}{
		{Commands, Auto, writer.Fail, "method: commands (as this load was begun)"},
		{Commands, Raw, writer.Fail, "method: raw batches"},
		{Auto, Auto, writer.Fail, "method: raw batches"},
		{Raw, Auto, writer.Fail, "method: raw batches"},
		{Raw, Auto, writer.Replace, "method: raw batches"},
	} {
		var stop atomic.Bool
		stop.Store(true)
		k := minitarget.StartKvrocks(t, minitarget.Options{Before: func(c *server.Peer, cmd string, args ...string) bool {
			// The first that is sent of the load itself: the probes have other names.
			if !stop.Load() || cmd != "HSET" && cmd != "APPLYBATCH" || strings.Contains(args[0], "kvload-probe") {
				return false
			}
			c.Close()
			return true
		}})
		o := options(t, k.Addr(), three)
		o.Method, o.Target.OnExists = tc.begun, tc.onExists
		if log, err := run(t, o); err == nil {
			t.Fatal(log)
		}
		stop.Store(false)
		o.Resume, o.Method = true, tc.resumed
		log, err := run(t, o)
		wants(t, log, err, 0, tc.says, "loaded 3 keys")
	}
}
