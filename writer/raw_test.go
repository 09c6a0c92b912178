package writer

import (
	"errors"
	"math"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/testserver"
	"github.com/pika2kvrocks/pika2kvrocks/writer/readback"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// each is testserver.Each, and the same by raw batches into a simulated Kvrocks and that at
// KVROCKS_ADDR.
func each(t *testing.T, test func(t *testing.T, addr string, c *redis.Client)) {
	testserver.Each(t, test)
	eachRaw(t, test)
}

// eachRaw is the part of each that writes raw batches: open sees that by the name of the test.
func eachRaw(t *testing.T, test func(t *testing.T, addr string, c *redis.Client)) {
	t.Run("simulated-raw", func(t *testing.T) {
		k := minitarget.StartKvrocks(t, minitarget.Options{})
		test(t, k.Addr(), testserver.Client(t, k.Addr()))
		for _, fault := range k.Faults() {
			t.Error(fault)
		}
	})
	if addr := os.Getenv("KVROCKS_ADDR"); addr != "" {
		t.Run("kvrocks-raw", func(t *testing.T) {
			c := testserver.Client(t, addr)
			if err := c.Do(t.Context(), "FLUSHDB").Err(); err != nil {
				t.Fatal(err)
			}
			test(t, addr, c)
		})
	}
}

func open(t *testing.T, o Options) *Loader {
	t.Helper()
	l, err := Open(t.Context(), o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	if strings.HasSuffix(t.Name(), "-raw") {
		l.WriteRaw()
	}
	return l
}

// TestRawIsUsed: a few commands carry many keys of all kinds.
func TestRawIsUsed(t *testing.T) {
	eachRaw(t, func(t *testing.T, addr string, _ *redis.Client) {
		var list []format.Record
		for i := range 200 {
			n := strconv.Itoa(i)
			list = append(list, str("s"+n, "v", farFuture), whole(format.Hash, "h"+n, "f", "v"), whole(format.List, "l"+n, "e"),
				whole(format.Set, "set"+n, "m"), zset("z"+n, []float64{1}, "m"),
				format.Record{Kind: format.Stream, Key: b("x" + n), Part: format.PartWhole, State: &format.StreamState{LastID: id(1, 1)}})
		}
		s, left := mustLoad(t, Options{Target: target.Options{Addr: addr}}, list...)
		if s.Keys != int64(len(list)) || len(left) > 0 || s.Commands > 3 {
			t.Errorf("%+v, left out %v", s, left)
		}
	})
}

// TestRawScores: none is left out.
func TestRawScores(t *testing.T) {
	eachRaw(t, func(t *testing.T, addr string, c *redis.Client) {
		r := zset("z", []float64{math.NaN(), 5e-324, -5e-324, math.Copysign(0, -1)}, "a", "b", "c", "d")
		if _, left := mustLoad(t, Options{Target: target.Options{Addr: addr}}, r); len(left) > 0 {
			t.Errorf("left out %v", left)
		}
		for i, m := range r.Elems {
			got, err := c.ZScore(t.Context(), "z", string(m)).Result()
			if want := r.Scores[i]; err != nil || got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
				t.Errorf("%s: %v, not %v, %v", m, got, want, err)
			}
		}
	})
}

// TestRawTwice: a member that is there twice in a key counts once on no server, and its commands
// say so.
func TestRawTwice(t *testing.T) {
	disordered := whole(format.Set, "disordered", "b", "a", "c")
	twice := whole(format.Hash, "twice", "b", "1", "a", "2", "b", "3")
	far := whole(format.Set, "far", "a", "b", "c", "d", "a", "f")
	eachRaw(t, func(t *testing.T, addr string, c *redis.Client) {
		o := Options{Target: target.Options{Addr: addr}}
		mustLoad(t, o, disordered)
		compare(t, c, &disordered)
		for _, list := range [][]format.Record{{twice}, cut(far, 3)} {
			var ce *CommandError
			if _, _, err := load(t, o, list...); !errors.As(err, &ce) || ce.Command == "APPLYBATCH" {
				t.Errorf("%q: %v", list[0].Key, err)
			}
		}
	})
}

// TestRawMixed: of keys that raw batches cannot hold, or only in part, the rest goes by commands.
func TestRawMixed(t *testing.T) {
	large := strings.Repeat("x", rawElement)
	hash := whole(format.Hash, "hash", "a", "1", "b", "2", "c", large, "d", "4")
	list := whole(format.List, "list", "a", "b", large, "d")
	set := whole(format.Set, "set", "c", "d", "a", "b")
	late := whole(format.Set, "late", "a", "b", "d", "c", "f", "e")
	stream := format.Record{Kind: format.Stream, Key: b("stream"), Part: format.PartWhole, State: &format.StreamState{LastID: id(9, 9), EntriesAdded: 3}}
	for i := range 3 {
		stream.Entries = append(stream.Entries, format.Entry{ID: id(1, uint64(i)+1), Fields: bs("f", large[:rawElement-100])})
	}
	value := str("value", large, farFuture)
	keys := []format.Record{hash, list, set, late, stream, value}
	eachRaw(t, func(t *testing.T, addr string, c *redis.Client) {
		for _, onExists := range []OnExists{Fail, Replace, Skip} {
			if err := c.FlushDB(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			var parts []format.Record
			for i := range keys {
				keys[i].Expire = farFuture
				parts = append(parts, str("s"+strconv.Itoa(i), "v", 0))
				parts = append(parts, cut(keys[i], 1+i%3)...)
			}
			for i := 0; onExists == Skip && i < len(keys); i += 2 {
				c.Set(t.Context(), string(keys[i].Key), "mine", 0)
			}
			mustLoad(t, Options{Target: target.Options{Addr: addr}, OnExists: onExists, BatchKeys: 3}, parts...)
			for i := range keys {
				if onExists == Skip && i%2 == 0 {
					if got := c.Get(t.Context(), string(keys[i].Key)).Val(); got != "mine" {
						t.Errorf("%q is overwritten", keys[i].Key)
					}
					continue
				}
				compare(t, c, &keys[i])
			}
		}
	})
}

// TestRawFits: no batch is larger than what every target takes, whatever comes last in it.
func TestRawFits(t *testing.T) {
	part := strings.Repeat("x", rawElement/2-2*rawOverhead)
	stream := format.Record{Kind: format.Stream, Key: b(part), Part: format.PartWhole, State: &format.StreamState{LastID: id(9, 9), EntriesAdded: 2}}
	for i := range uint64(2) {
		stream.Entries = append(stream.Entries, format.Entry{ID: id(1, i+1), Fields: bs("f", part)})
	}
	for _, last := range []format.Record{stream, zset(part+part[10:], []float64{1}, "m"), whole(format.Hash, part, "f", part)} {
		var keys []format.Record
		for i := range 2*maxRawBytes/rawElement - 1 {
			keys = append(keys, str(strconv.Itoa(i), part, 0))
		}
		eachRaw(t, func(t *testing.T, addr string, c *redis.Client) {
			mustLoad(t, Options{Target: target.Options{Addr: addr}, OnExists: Replace}, append(keys, last)...)
			compare(t, c, &last)
		})
	}
}

// TestRawExpires: a key that is over before its last part takes no other key with it.
func TestRawExpires(t *testing.T) {
	eachRaw(t, func(t *testing.T, addr string, c *redis.Client) {
		l := open(t, Options{Target: target.Options{Addr: addr}})
		w, err := l.NewWorker(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		hash := whole(format.Hash, "hash", "a", "1", "b", "2")
		hash.Expire = farFuture
		parts := cut(hash, 2)
		set, value := whole(format.Set, "set", "a"), str("value", "v", 0)
		src := &sourceThen{Source: source(parts[0]), then: func() { l.SetClock(math.MaxInt64 / 2) }}
		src.rest = []format.Record{parts[1], set, value}
		if err := errors.Join(w.Load(t.Context(), Job{Source: src}), w.Close()); err != nil {
			t.Fatal(err)
		}
		if s := w.account.stats; s.Keys != 2 || s.Expired != 1 || len(s.LeftOut) > 0 {
			t.Errorf("%+v", s)
		}
		compare(t, c, &set)
		compare(t, c, &value)
	})
}

// TestRawEmptyParts: a part without elements ends a key, too, or stands in its middle.
func TestRawEmptyParts(t *testing.T) {
	keys := []format.Record{whole(format.Hash, "hash", "a", "1", "b", "2"), whole(format.List, "list", "a", "b"), whole(format.Set, "set", "a", "b")}
	eachRaw(t, func(t *testing.T, addr string, c *redis.Client) {
		for _, size := range []int{1, 0} {
			var list []format.Record
			for i := range keys {
				parts := cut(keys[i], 2)
				middle, last := parts[1], parts[1]
				middle.Elems, middle.Part, last.Elems = nil, 0, nil
				parts[1].Part = 0
				list = append(list, parts[0], middle, parts[1], last)
			}
			mustLoad(t, Options{Target: target.Options{Addr: addr}, RawBytes: size, OnExists: Replace}, list...)
			for i := range keys {
				compare(t, c, &keys[i])
			}
		}
	})
}

// TestRawStops: a server that takes no batch any more stops the load at once, and is not asked
// again.
func TestRawStops(t *testing.T) {
	for _, reply := range []string{
		"-ERR Corruption: malformed WriteBatch (too small)\r\n", "-ERR unknown command 'APPLYBATCH'\r\n", "-ERR what\r\n", ":7\r\n", "+OK\r\n",
	} {
		sent := 0
		f := testserver.Start(t, func(cmd []string) (string, bool) {
			switch cmd[0] {
			case "CLIENT":
				return testserver.Bulk("id=1 namespace=__namespace"), true
			case "APPLYBATCH":
				sent++
				return reply, true
			}
			return "", false
		})
		l, err := Open(t.Context(), Options{Target: target.Options{Addr: f.Addr}})
		if err != nil {
			t.Fatal(err)
		}
		l.WriteRaw()
		w, err := l.NewWorker(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		err = w.Load(t.Context(), Job{Source: source(str("k", "v", 0))})
		var ce *CommandError
		if !errors.As(err, &ce) || string(ce.Key) != "k" || errors.Is(err, ErrTransient) || sent != 1 {
			t.Errorf("%q: %v, sent %d times", reply, err, sent)
		}
	}
}

// TestAnotherNamespace: a connection that comes up in another namespace than the first one writes
// nothing, by commands or by raw batches, and reads and deletes nothing.
func TestAnotherNamespace(t *testing.T) {
	var namespace atomic.Value
	namespace.Store("one")
	f := testserver.Start(t, func(cmd []string) (string, bool) {
		return testserver.Bulk("id=1 namespace=" + namespace.Load().(string)), cmd[0] == "CLIENT"
	})
	l, err := Open(t.Context(), Options{Target: target.Options{Addr: f.Addr}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, other := range []string{"two", ""} {
			namespace.Store(other)
			_, err := l.NewWorker(t.Context(), 0)
			reads := readback.New(l.Target, 0, nil)
			for _, err := range []error{err, reads.Delete(t.Context(), [][]byte{[]byte("k")}), reads.Clear(t.Context())} {
				if !errors.Is(err, ErrPreflight) {
					t.Errorf("%q: %v", other, err)
				}
			}
		}
		l.WriteRaw()
	}
}
