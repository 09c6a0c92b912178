package verifysource

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/dump"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// makeDump dumps what is chosen of the source at addr, and returns where.
func makeDump(t *testing.T, addr string, set func(*dump.Options)) (string, error) {
	t.Helper()
	o := dump.Options{Reader: reader.Options{Addr: addr}, Location: filepath.Join(t.TempDir(), "dump"), Tool: "test", Log: io.Discard}
	set(&o)
	return o.Location, dump.Run(t.Context(), o)
}

// compare compares the dump with the source at addr, and returns what it says.
func compare(t *testing.T, addr, dir string, o Options) (string, error) {
	t.Helper()
	a, err := archive.Open(t.Context(), dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	var out, log bytes.Buffer
	o.Archive, o.Reader.Addr, o.Rounds, o.Out, o.Log = a, addr, max(2, o.Rounds), &out, &log
	o.Summary = summary.New("test", "", "verify")
	err = Run(t.Context(), o)
	o.Summary.End(err, exitcode.Of(err, nil))
	return log.String() + out.String() + o.Summary.String(), err
}

// TestMany compares many chunks with many workers, in several rounds, whose connections outlive
// the round that opened them.
func TestMany(t *testing.T) {
	s := smallpika.StartEmpty(t, pikasim.Options{})
	for i := range 40 {
		smallpika.Send(t, s.Addr(), fmt.Sprintf("SET s%03d %s", i, strings.Repeat("x", 10_000)), fmt.Sprintf("HSET h%03d f %s", i, strings.Repeat("x", 10_000)))
	}
	dir, err := makeDump(t, s.Addr(), func(o *dump.Options) { o.Archive.ChunkBytes = 64 << 10 })
	if err != nil {
		t.Fatal(err)
	}
	many := Options{Threads: 4, Rounds: 3}
	none := many
	none.Filter = filter.Filter{}
	if err := none.Filter.SetMatch("nosuch*"); err != nil {
		t.Fatal(err)
	}
	if _, err := compare(t, s.Addr(), dir, none); !errors.Is(err, reader.ErrRefused) || !strings.Contains(err.Error(), "no key was compared, which proves nothing") {
		t.Errorf("of nothing: %v", err)
	}
	if says, err := compare(t, s.Addr(), dir, many); err != nil || !strings.Contains(says, "compared 80 keys") {
		t.Fatalf("%v\n%s", err, says)
	}
	smallpika.Send(t, s.Addr(), "DEL s007", "HSET h011 f y")
	says, err := compare(t, s.Addr(), dir, many)
	if !errors.As(err, new(*exitcode.DifferentError)) || !strings.Contains(err.Error(), "2 of 80 keys have changed") {
		t.Errorf("%v\n%s", err, says)
	}
}

// TestUnknownExpiry: an expiry that the dump, or the source, cannot tell because of another type
// of the name is no change; presence and value are compared all the same.
func TestUnknownExpiry(t *testing.T) {
	var now atomic.Int64
	now.Store(1_800_000_000)
	s := smallpika.Start(t, pikasim.Options{Config: map[string]string{"cache-model": "0"},
		Clock: func() time.Time { return time.Unix(now.Load(), 0) }})
	smallpika.Send(t, s.Addr(), "HSET x f v", "SET x s EX 1000", "HSET y f v", "EXPIRE y 5000", "SET y s EX 1000", "HSET alone f v", "HSET z f v", "EXPIRE z 500", "SET z s EX 9")
	dir, err := makeDump(t, s.Addr(), func(o *dump.Options) {
		o.Selection.Types = []format.Type{format.TypeHash}
		if err := o.Selection.SetMatch("[x-z]"); err != nil {
			t.Fatal(err)
		}
	})
	if !errors.As(err, new(*exitcode.LeftOutError)) || !strings.Contains(err.Error(), "3 expiry-unknown") {
		t.Fatal(err)
	}
	if list, err := os.ReadFile(filepath.Join(dir, "skipped.jsonl")); err != nil || !strings.Contains(string(list), `"name":"\"x\"","reason":"expiry-unknown"`) {
		t.Errorf("%v\n%s", err, list)
	}
	for _, x := range []struct {
		after   int64 // s
		do      string
		says    string
		changed string
	}{
		{0, "PING", "3 keys: expiry unknown", ""},                          // of all three
		{100, "PING", "3 keys: expiry unknown", ""},                        // that of z can be told by now, not whether it is as it was
		{1001, "PING", "1 key: expiry unknown", "1 of 3 keys has changed"}, // that of y likewise, and z is not there; x has none
		{1002, "HDEL y f", "2 keys: missing", "2 of 3 keys have changed"},  // nobody can tell that it has not expired
		{1002, "HSET x f w", "1 key: value", "3 of 3 keys have changed"},
	} {
		now.Store(1_800_000_000 + x.after)
		smallpika.Send(t, s.Addr(), x.do)
		says, err := compare(t, s.Addr(), dir, Options{})
		if got := fmt.Sprint(err); !strings.Contains(says, x.says) || (x.changed == "") != (err == nil) || !strings.Contains(got, x.changed) {
			t.Errorf("after %d s, %s: %v\n%s", x.after, x.do, err, says)
		}
	}
}

// TestCacheOff: the source's cache is off while it is compared, and what is on is warned of.
func TestCacheOff(t *testing.T) {
	s := smallpika.Start(t, pikasim.Options{})
	dir, err := makeDump(t, s.Addr(), func(*dump.Options) {})
	if err != nil {
		t.Fatal(err)
	}
	const warning = "warning: the source's own cache is on (cache-model 1)"
	if says, err := compare(t, s.Addr(), dir, Options{}); err != nil || !strings.Contains(says, warning) {
		t.Errorf("%v\n%s", err, says)
	}
	var log bytes.Buffer
	off := dump.CacheSwitch{Off: true, Dir: t.TempDir(), Again: "run pikadump verify again", Log: &log}
	says, err := compare(t, s.Addr(), dir, Options{Cache: off})
	if err != nil || strings.Contains(says, warning) {
		t.Errorf("%v\n%s", err, says)
	}
	for _, want := range []string{": CONFIG SET cache-model 0 (it was 1)", ": CONFIG SET cache-model 1, as it was"} {
		if strings.Count(log.String(), want) != 1 {
			t.Errorf("it does not say %q once:\n%s", want, &log)
		}
	}
}

// TestAnotherSource: a source that is not the one of the dump is called so, before what differs.
func TestAnotherSource(t *testing.T) {
	own, other := smallpika.StartEmpty(t, pikasim.Options{}), smallpika.StartEmpty(t, pikasim.Options{Version: pikasim.V340})
	smallpika.Send(t, own.Addr(), "SET a 1")
	dir, err := makeDump(t, own.Addr(), func(*dump.Options) {})
	if err != nil {
		t.Fatal(err)
	}
	const says = "warning: the dump is of "
	if text, err := compare(t, own.Addr(), dir, Options{}); err != nil || strings.Contains(text, says) {
		t.Errorf("its own: %v\n%s", err, text)
	}
	text, err := compare(t, other.Addr(), dir, Options{})
	if !errors.As(err, new(*exitcode.DifferentError)) || !strings.Contains(text, says+own.Addr()+", Pika 3.5.5, and this is "+other.Addr()+", Pika 3.4.0") {
		t.Errorf("another: %v\n%s", err, text)
	}
}
