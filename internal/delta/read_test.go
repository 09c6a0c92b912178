package delta_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/delta"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// TestRead: each name has its record in every type that has it, and is deleted in the others, on
// every version and in every database; names that are not asked for are not there.
func TestRead(t *testing.T) {
	for _, v := range []pikasim.Version{pikasim.V340, pikasim.V355, pikasim.V401} {
		t.Run(string(v), func(t *testing.T) {
			srv := smallpika.Start(t, pikasim.Options{Version: v, Databases: 2})
			smallpika.Send(t, srv.Addr(), "SET other v", "SELECT 1", "SET s1 in1")
			many := v != pikasim.V401
			names := map[int][][]byte{0: {[]byte("gone"), []byte("h"), []byte("l"), []byte("s1"), []byte("set"), []byte("z")}, 1: {[]byte("s1")}}
			if many {
				smallpika.Send(t, srv.Addr(), "HSET s1 f w", "SADD s1 n")
			}
			if v != pikasim.V340 { // a stream without entries is none
				smallpika.Send(t, srv.Addr(), "XADD gone 5-0 f v", "XDEL gone 5-0")
			}
			s := open(t, reader.Options{Addr: srv.Addr()})
			w, dir := create(t, s)
			err := delta.Read(t.Context(), delta.Options{Scanner: s, Writer: w, Names: delta.Sorted(names), Threads: 2})
			if err != nil {
				t.Fatal(err)
			}
			got := finish(t, w, dir, many)
			is := map[string]string{
				"0 string s1": "string 0:one", "0 hash h": "hash 0: f v", "0 list l": "list 0: a b", "0 set set": "set 0: m", "0 zset z": "zset 0: m=1.5",
				"1 string s1": "string 0:in1",
			}
			if many {
				is["0 hash s1"], is["0 set s1"] = "hash 0: f w", "set 0: n"
			}
			var want []string
			for db := range 2 {
				for _, typ := range s.Types(nil) {
					for _, name := range names[db] {
						what := is[fmt.Sprintf("%d %s %s", db, typ, name)]
						if what == "" {
							what = "deleted"
						}
						want = append(want, fmt.Sprintf("%d %s %q %s", db, typ, name, what))
					}
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			a, err := archive.OpenAny(t.Context(), dir, 1)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			for _, r := range a.Manifest.Skipped {
				if r.Reason != string(reader.ExpiryUnknown) {
					t.Errorf("skipped: %+v", r)
				}
			}
		})
	}
}

// TestHidden: a 4.0 finds no name with a NUL. A comparison tells by its lists that one is deleted,
// and leaves out only what they show, or cannot show; who follows asks for no list.
func TestHidden(t *testing.T) {
	var refuse atomic.Bool
	var lists atomic.Int64
	srv := smallpika.StartEmpty(t, pikasim.Options{Version: pikasim.V401, Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		if smallpika.IsOfScan(args, "KEYS *\x00") {
			lists.Add(1)
			if refuse.Load() {
				return []byte("-NOPERM no\r\n"), true, false
			}
		}
		return nil, false, false
	}})
	smallpika.Send(t, srv.Addr(), "SET a\x00b 1", "HSET h\x00b f 1", "XADD s\x00b * f 1", "SET gone 1")
	names := map[int][][]byte{0: {}}
	for _, name := range []string{"a\x00", "a\x00b", "gone", "gone\x00x", "h\x00b", "s\x00b"} {
		names[0] = append(names[0], []byte(name))
	}
	for _, c := range []struct {
		follows, refuse bool
		skipped         int64
		lists           int64
	}{{false, false, 4, 1}, {false, true, 5, 1}, {true, false, 5, 0}} {
		refuse.Store(c.refuse)
		lists.Store(0)
		s := open(t, reader.Options{Addr: srv.Addr()})
		w, dir := create(t, s)
		if err := delta.Read(t.Context(), delta.Options{Scanner: s, Writer: w, Names: delta.Sorted(names), Again: c.follows}); err != nil {
			t.Fatal(err)
		}
		got := finish(t, w, dir, false)
		a, err := archive.OpenAny(t.Context(), dir, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		deleted := slices.Contains(got, `0 string "gone\x00x" deleted`)
		if n := a.Manifest.Skipped; len(n) != 1 || n[0].Keys != c.skipped || n[0].Reason != string(reader.Gone) || deleted != (c.skipped == 4) || lists.Load() != c.lists {
			t.Errorf("%+v: skipped %+v, %d lists of streams, got\n%s", c, n, lists.Load(), strings.Join(got, "\n"))
		}
	}
}

// TestTypesRefused: where a source does not let us ask for types, all are read.
func TestTypesRefused(t *testing.T) {
	for _, v := range []pikasim.Version{pikasim.V340, pikasim.V401} {
		var refuse atomic.Bool
		srv := smallpika.Start(t, pikasim.Options{Version: v, Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
			if refuse.Load() && smallpika.IsOfScan(args, "TYPE ") {
				return []byte("-ERR unknown command \"TYPE\"\r\n"), true, false
			}
			return nil, false, false
		}})
		s := open(t, reader.Options{Addr: srv.Addr()})
		refuse.Store(true)
		w, dir := create(t, s)
		names := map[int][][]byte{0: {[]byte("gone"), []byte("h"), []byte("l"), []byte("s1"), []byte("set"), []byte("z")}}
		err := delta.Read(t.Context(), delta.Options{Scanner: s, Writer: w, Names: delta.Sorted(names)})
		if err != nil {
			t.Fatalf("%s: %v", v, err)
		}
		got, deleted := finish(t, w, dir, false), 0
		for _, line := range got {
			if strings.HasSuffix(line, " deleted") {
				deleted++
			}
		}
		if n := 6 * len(s.Types(nil)); len(got) != n || deleted != n-5 {
			t.Errorf("%s: %d deleted of %q", v, deleted, got)
		}
	}
}

// TestReadResumed: a run that ends in the middle is resumed in what no chunk covers, whatever each
// type has got to, and comes to the same.
func TestReadResumed(t *testing.T) {
	var left atomic.Int64 // commands until the source does not answer any more
	left.Store(1 << 40)
	srv := smallpika.StartEmpty(t, pikasim.Options{Version: pikasim.V355, Intercept: func(int, [][]byte) ([]byte, bool, bool) {
		return nil, false, left.Add(-1) < 0
	}})
	c := smallpika.Client(t, srv.Addr())
	names := map[int][][]byte{}
	for i := range 300 {
		name := fmt.Sprintf("name%03d", i)
		names[0] = append(names[0], []byte(name))
		for j, make := range [][]any{{"SET", name, i}, {"HSET", name, "f", i}, {"RPUSH", name, "a", i}, {"SADD", name, i}, {"ZADD", name, i, "m"}} {
			if i%(j+2) == 0 {
				c.Do(t.Context(), make...)
			}
		}
	}
	s := open(t, reader.Options{Addr: srv.Addr()})
	read := func(w *archive.Writer) error {
		return delta.Read(t.Context(), delta.Options{Scanner: s, Writer: w, Names: delta.Sorted(names), Threads: 2})
	}
	whole, dir := create(t, s)
	if err := read(whole); err != nil {
		t.Fatal(err)
	}
	want := finish(t, whole, dir, true)

	w, dir := create(t, s)
	runs := 1
	for after := int64(60); ; after += 500 {
		left.Store(after)
		err := read(w)
		left.Store(1 << 40)
		if err == nil {
			break
		}
		runs++
		old := w.Info
		w.Close()
		if w, err = archive.Resume(t.Context(), dir, old, archive.Options{}, func(text string) { t.Log(text) }); err != nil {
			t.Fatal(err)
		}
	}
	if got := finish(t, w, dir, true); runs < 3 || !slices.Equal(got, want) {
		t.Errorf("after %d runs:\n%s\nwant\n%s", runs, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestReadStops: a run whose context ends says why.
func TestReadStops(t *testing.T) {
	srv := smallpika.Start(t, pikasim.Options{})
	s := open(t, reader.Options{Addr: srv.Addr()})
	w, _ := create(t, s)
	defer w.Close()
	why := errors.New("enough")
	ctx, stop := context.WithCancelCause(t.Context())
	stop(why)
	err := delta.Read(ctx, delta.Options{Scanner: s, Writer: w, Names: delta.Sorted(map[int][][]byte{0: {[]byte("s1")}}), Threads: 1})
	if !errors.Is(err, why) {
		t.Error(err)
	}
}

// TestTakenBack: a large key that changes while it is read, when frames hold a part of it, is read
// again with what stands before it in its chunk.
func TestTakenBack(t *testing.T) {
	var pieces atomic.Int64
	var srv *pikasim.Server
	srv = smallpika.StartEmpty(t, pikasim.Options{Version: pikasim.V401, Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		if smallpika.IsOfScan(args, "PKHSCANRANGE BIG") && pieces.Add(1) == 30 {
			smallpika.Send(t, srv.Addr(), "DEL big", "HSET big other v")
		}
		return nil, false, false
	}})
	value := strings.Repeat("v", 64<<10)
	client := smallpika.Client(t, srv.Addr())
	for i := range 60 {
		client.Do(t.Context(), "HSET", "big", fmt.Sprintf("f%03d", i), value)
	}
	smallpika.Send(t, srv.Addr(), "HSET a f v", "HSET z f v")
	s := open(t, reader.Options{Addr: srv.Addr(), ReplyBytes: 64 << 10})
	w, dir := create(t, s)
	names := map[int][][]byte{0: {[]byte("a"), []byte("big"), []byte("z")}}
	if err := delta.Read(t.Context(), delta.Options{Scanner: s, Writer: w, Names: delta.Sorted(names)}); err != nil {
		t.Fatal(err)
	}
	var hashes []string
	for _, line := range finish(t, w, dir, false) {
		if strings.Contains(line, " hash ") {
			hashes = append(hashes, line)
		}
	}
	want := []string{`0 hash "a" hash 0: f v`, `0 hash "big" hash 0: other v`, `0 hash "z" hash 0: f v`}
	if !slices.Equal(hashes, want) || pieces.Load() < 30 {
		t.Errorf("got %.200q, after %d pieces", hashes, pieces.Load())
	}
}
