package dump

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// TestEveryVersion dumps the same keys from each version in each way that it knows: they are all
// there, once, though SELECT of other databases says OK before 3.1; and the
// commands that no dump may send are not sent.
func TestEveryVersion(t *testing.T) {
	for _, x := range []struct {
		version pikasim.Version
		scan    string
		word    string
	}{
		{pikasim.V236, "auto", format.ScanCursor}, {pikasim.V302, "auto", format.ScanCursor}, {pikasim.V303, "auto", format.ScanRange},
		{pikasim.V303, "scan", format.ScanCursor}, {pikasim.V340, "auto", format.ScanRange}, {pikasim.V340, "scan", format.ScanCursor},
		{pikasim.V355, "range", format.ScanRange}, {pikasim.V355, "scan", format.ScanCursor}, {pikasim.V401, "auto", format.ScanRange}, {pikasim.V401, "scan", format.ScanCursor},
	} {
		t.Run(string(x.version)+" "+x.scan, func(t *testing.T) {
			s := smallpika.Start(t, pikasim.Options{Version: x.version})
			smallpika.Send(t, s.Addr(), "SADD _internal:slotkey:4migrate:7 x", "PFADD hll a b c")
			out := newDir(t)
			r := makeDump(t, s.Addr(), out, func(o *Options) { o.Reader.Scan = x.scan })
			r.leftOut(t, "1 internal") // Pika's own key
			m := manifest(t, out)
			keys := int64(0)
			for _, total := range m.Totals {
				keys += total.Keys
			}
			if keys != 7 || m.Source.Databases != 1 || m.Options.Scan != x.word {
				t.Errorf("%d keys of %d databases, listed by %s", keys, m.Source.Databases, m.Options.Scan)
			}
			if !strings.Contains(r.log, "1 hyperloglog, of up to about 3 members") {
				t.Errorf("nothing of hyperloglogs:\n%s", r.log)
			}
			if warned := strings.Contains(r.log, "cannot be resumed"); warned != (x.word == format.ScanCursor) {
				t.Errorf("warned of SCAN: %v\n%s", warned, r.log)
			}
			sent := s.Commands()
			for _, never := range []string{"dbsize", "zrange", "hgetall", "smembers", "exists"} {
				if sent[never] > 0 {
					t.Errorf("%s was sent %d times", never, sent[never])
				}
			}
		})
	}
}

// TestCursorStopped: a walk that lost its place ends, and cannot be resumed.
func TestCursorStopped(t *testing.T) {
	s := smallpika.Start(t, pikasim.Options{Version: pikasim.V302, Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		return []byte("*2\r\n$2\r\n10\r\n*0\r\n"), strings.EqualFold(string(args[0]), "scan") && string(args[len(args)-1]) == "991", false
	}})
	out := newDir(t)
	makeDump(t, s.Addr(), out).failed(t, reader.ErrUnavailable, "lost its place", "another client scanning", "cannot be resumed")
	unfinished(t, out)
	makeDump(t, s.Addr(), out, resume).failed(t, archive.ErrDiffers, "scanned by cursor, which only works in one go")
}

// TestStreamsOff leaves the streams out and says so.
func TestStreamsOff(t *testing.T) {
	s := smallpika.Start(t, pikasim.Options{Version: pikasim.V401})
	smallpika.Send(t, s.Addr(), "XADD st 1-1 f v")
	out := newDir(t)
	makeDump(t, s.Addr(), out, func(o *Options) { o.Reader.NoStreams = true }).ok(t, "warning: streams are not in the dump")
	if types, _ := json.Marshal(manifest(t, out).Options.Types); strings.Contains(string(types), "stream") || s.Commands()["keys"] > 0 {
		t.Errorf("types %s, KEYS %d times", types, s.Commands()["keys"])
	}
}

// TestListingRefused: what is asked for and cannot be had is refused before anything is written.
func TestListingRefused(t *testing.T) {
	for _, x := range []struct {
		name    string
		options pikasim.Options
		fill    string
		scan    string
		says    []string
	}{
		{"streams on 3.5.5", pikasim.Options{}, "XADD st 1-1 f v", reader.ScanScan, []string{"db0 has streams", "begins anew for ever"}},
		{"ranges on 2.3.6", pikasim.Options{Version: pikasim.V236}, "PING", reader.ScanRange, []string{"lists no key ranges"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			s, out := smallpika.Start(t, x.options), newDir(t)
			smallpika.Send(t, s.Addr(), x.fill)
			makeDump(t, s.Addr(), out, func(o *Options) { o.Reader.Scan = x.scan }).failed(t, reader.ErrRefused, x.says...)
			if left := files(t, out); len(left) > 0 {
				t.Errorf("before anything was read there are %v", left)
			}
		})
	}
}

// TestListingWarnings: what to know is said before the dump begins.
func TestListingWarnings(t *testing.T) {
	s := smallpika.Start(t, pikasim.Options{Version: pikasim.V401, Replica: true, Intercept: smallpika.Answer(map[string]string{"PKSCANRANGE": "-ERR unknown command \"pkscanrange\"\r\n"})})
	r := makeDump(t, s.Addr(), newDir(t))
	r.ok(t)
	for _, want := range []string{"warning: replicas of Pika 4.0 lose keys that were set with SETEX", "PKSCANRANGE cannot be used", "listed by SCANX instead"} {
		if strings.Count(r.log, want) != 1 {
			t.Errorf("the log does not say %q once:\n%s", want, r.log)
		}
	}
}

// TestLastSecond: a key with a TTL of 0 can still be read up to 3.5, and is kept with its expiry;
// on 4.0 it is gone, or about to be.
func TestLastSecond(t *testing.T) {
	for _, v := range []pikasim.Version{pikasim.V302, pikasim.V355, pikasim.V401} {
		s := smallpika.Start(t, pikasim.Options{Version: v, Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
			ttl := strings.EqualFold(string(args[0]), "ttl") || strings.EqualFold(string(args[0]), "pttl")
			return []byte(":0\r\n"), ttl && string(args[1]) == "s1", false
		}})
		out := newDir(t)
		r := makeDump(t, s.Addr(), out, func(o *Options) {
			o.Selection.Types, o.Reader.NoCount = []format.Type{format.TypeString}, true // it counts a permanent key
		})
		total := manifest(t, out).Totals[0]
		want := fmt.Sprint(false, 2, 2) // is one left out, keys, of them expiring
		if v == pikasim.V401 {
			want = fmt.Sprint(true, 1, 1)
		}
		if got := fmt.Sprint(errors.As(r.err, new(*exitcode.LeftOutError)), total.Keys, total.Expiring); got != want {
			t.Errorf("%s: left out, keys, expiring: %s, want %s\n%v %s", v, got, want, r.err, r.log)
		}
	}
}
