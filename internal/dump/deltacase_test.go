package dump

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/encryption"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// namesOf returns the names in a delta.
func namesOf(d contents) (names []string) {
	for key := range d {
		names = append(names, strings.Trim(key[strings.LastIndexByte(key, ' ')+1:], `"`))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// TestDelta: every kind of change is found, and nothing else; what the delta says of itself leads
// on from its base.
func TestDelta(t *testing.T) {
	long, pieces := strings.Repeat("x", 3<<20), ""
	for i := range 100 {
		pieces += fmt.Sprintf(" %d %[1]d", 100+i)
	}
	for _, x := range []struct {
		name    string
		version pikasim.Version
		before  []string
		after   []string
		hours   int
		want    []string
	}{
		{"nothing", pikasim.V355, []string{"SET a 1 EX 100", "HSET h f v", "XADD x 1-1 f v", "ZADD z nan nan", "ZADD z -0 m"}, nil, 0, nil},
		{"a string", pikasim.V355, []string{"SET a 1", "SET b 1"}, []string{"SET b 2"}, 0, []string{"b"}},
		{"a long string", pikasim.V355, []string{"SET a " + long, "SET b " + long, "SET c " + long}, []string{"APPEND b x", "SETRANGE c 3000000 y"}, 0, []string{"b", "c"}},
		{"new and gone", pikasim.V401, []string{"SET a 1", "HSET h f v", "SET z 1"}, []string{"DEL a", "HDEL h f", "SET b 1", "SADD zz m"}, 0, []string{"a", "b", "h", "zz"}},
		{"elements", pikasim.V355, []string{"HSET h1 f v", "HSET h2 f v", "SADD s1 a", "SADD s2 a", "RPUSH l1 a b", "RPUSH l2 a b", "ZADD z1 1 a", "ZADD z2 1 a", "ZADD z3 0 a"},
			[]string{"HSET h1 g v", "HSET h2 f w", "SADD s1 b", "LPUSH l1 c", "LREM l2 0 b", "ZADD z1 2 a", "ZADD z2 1 b", "ZADD z3 -0 a"}, 0, []string{"h1", "h2", "l1", "l2", "s1", "z1", "z2", "z3"}},
		{"behind the first piece", pikasim.V401, []string{"HMSET h" + pieces, "HMSET h2" + pieces, "SADD s" + pieces, "RPUSH l" + pieces, "ZADD z" + pieces, "ZADD z2" + pieces},
			[]string{"HSET h 190 v", "SREM s 190", "SADD s 190v", "LSET l 180 v", "ZADD z 1 190"}, 0, []string{"h", "l", "s", "z"}},
		{"order of a list", pikasim.V355, []string{"RPUSH l a b"}, []string{"DEL l", "RPUSH l b a"}, 0, []string{"l"}},
		{"expiries", pikasim.V355, []string{"SET a 1", "SET b 1 EX 1000", "SET c 1 EX 1000", "SET d 1 EX 1000"}, []string{"EXPIRE a 1000", "PERSIST b", "EXPIRE c 1001"}, 0, []string{"a", "b", "c"}},
		{"expiries in ms", pikasim.V401, []string{"SET a 1 EX 1000", "SET b 1 EX 1000", "PEXPIRE b 900001"}, []string{"PEXPIRE b 900002"}, 0, []string{"b"}},
		{"expired", pikasim.V355, []string{"SET a 1 EX 1000", "HSET h f v", "EXPIRE h 1000", "SET b 1"}, nil, 1, nil},
		{"expired, and another type of its name has not", pikasim.V355, []string{"SET a 1 EX 1000", "XADD a 1-1 f v"}, nil, 1, []string{"a"}},
		{"expired, and written again", pikasim.V355, []string{"SET a 1 EX 1000"}, []string{"SET a 1"}, 1, []string{"a"}},
		{"another type", pikasim.V401, []string{"SET a 1", "HSET h f v"}, []string{"DEL a", "HSET a f v"}, 0, []string{"a"}},
		{"several types", pikasim.V355, []string{"SET a 1", "SADD a m"}, []string{"SREM a m", "HSET a f v"}, 0, []string{"a"}},
		{"a stream and its state", pikasim.V355, []string{"XADD x 1-1 f v", "XADD y 1-1 f v", "XADD z 1-1 f v"}, []string{"XADD x 2-1 f v", "XADD y 2-1 f v", "XDEL y 2-1"}, 0, []string{"x", "y"}},
		{"a stream that is gone", pikasim.V401, []string{"XADD x 1-1 f v"}, []string{"DEL x"}, 0, []string{"x"}},
		{"a stream without entries", pikasim.V355, []string{"XADD x 1-1 f v", "XADD y 1-1 f v", "XDEL y 1-1"}, []string{"XDEL x 1-1"}, 0, []string{"x"}},
		{"a hyperloglog", pikasim.V401, []string{"PFADD p a", "PFADD q a"}, []string{"PFADD p b c d"}, 0, []string{"p"}},
		{"everything", pikasim.V355, []string{"SET a 1", "HSET b f v"}, []string{"FLUSHDB"}, 0, []string{"a", "b"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			var hours atomic.Int64
			srv := smallpika.StartEmpty(t, pikasim.Options{Version: x.version, Config: map[string]string{"cache-model": "0"},
				Clock: func() time.Time {
					return time.UnixMilli(1_800_000_000_000).Add(time.Duration(hours.Load()) * time.Hour)
				}})
			smallpika.Send(t, srv.Addr(), x.before...)
			base, out, now := newDir(t), newDir(t), newDir(t)
			done := func(r result) {
				t.Helper()
				if r.err != nil && !errors.As(r.err, new(*exitcode.LeftOutError)) {
					t.Fatalf("%v\n%s", r.err, r.log)
				}
			}
			done(makeDump(t, srv.Addr(), base))
			hours.Store(int64(x.hours))
			smallpika.Send(t, srv.Addr(), x.after...)
			done(makeDump(t, srv.Addr(), out, since(base)))
			done(makeDump(t, srv.Addr(), now))
			d := read(t, out)
			if x.version != pikasim.V355 || len(x.want) > 0 {
				if got := namesOf(d); !slices.Equal(got, x.want) {
					t.Errorf("the delta names %q, want %q", got, x.want)
				}
			}
			is := read(t, base)
			is.apply(d)
			is.equals(t, read(t, now), time.UnixMilli(1_800_000_000_000).Add(time.Duration(x.hours)*time.Hour))
			a, err := archive.OpenAny(t.Context(), out, 1)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			b := manifest(t, base)
			if err := a.Manifest.Follows(&b.Info); err != nil || a.Manifest.Delta.Made != format.MadeByScan || !slices.Equal(a.Manifest.Delta.To, a.Manifest.Source.Binlog) {
				t.Errorf("%v, %+v", err, a.Manifest.Delta)
			}
			if left, _ := os.ReadDir(filepath.Join(out, "compared")); left != nil {
				t.Errorf("%v is left", left)
			}
		})
	}
}

// TestDeltaOfSkipped: what the base could not read is read again, and what cannot be read now is
// listed.
func TestDeltaOfSkipped(t *testing.T) {
	var broken atomic.Pointer[string]
	srv := smallpika.StartEmpty(t, pikasim.Options{Version: pikasim.V401, Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		if name := broken.Load(); name != nil && smallpika.IsOfScan(args, "PKHSCANRANGE "+strings.ToUpper(*name)) {
			return []byte("-ERR Corruption: block checksum mismatch\r\n"), true, false
		}
		return nil, false, false
	}})
	smallpika.Send(t, srv.Addr(), "HSET a f v", "HSET b f v", "HSET c f v")
	set := func(name string) { broken.Store(&name) }
	base, out, again := newDir(t), newDir(t), newDir(t)
	set("b")
	makeDump(t, srv.Addr(), base).leftOut(t, "1 unreadable")
	set("c")
	makeDump(t, srv.Addr(), out, since(base)).leftOut(t, "1 unreadable")
	if got := read(t, out); !slices.Equal(namesOf(got), []string{"b", "c"}) || got[`db0 hash "b"`] != `hash 0: "f" "v"` || got[`db0 hash "c"`] != "" {
		t.Errorf("%v", got)
	}
	set("nothing")
	makeDump(t, srv.Addr(), again, since(base)).ok(t)
	if got := namesOf(read(t, again)); !slices.Equal(got, []string{"b"}) {
		t.Errorf("%q", got)
	}
}

// TestDeltaRefused: a base that the source cannot be compared with is refused before anything is
// written, and says what to do.
func TestDeltaRefused(t *testing.T) {
	srv, other := smallpika.Start(t, pikasim.Options{}), smallpika.Start(t, pikasim.Options{})
	for _, s := range []*pikasim.Server{srv, other} { // not begun in the same second
		smallpika.Send(t, s.Addr(), "EXPIREAT s2 2000000000")
	}
	full, trial, hashes := newDir(t), newDir(t), newDir(t)
	makeDump(t, srv.Addr(), full).ok(t)
	makeDump(t, srv.Addr(), trial, func(o *Options) { o.Selection.LimitKeys = 1 }).ok(t)
	makeDump(t, srv.Addr(), hashes, func(o *Options) { o.Selection.Types = []format.Type{format.TypeHash} }, match("h*")).ok(t)
	out := newDir(t)
	makeDump(t, srv.Addr(), out, since(trial)).failed(t, reader.ErrRefused, "is a trial", "make a full dump")
	makeDump(t, other.Addr(), out, since(full)).failed(t, reader.ErrRefused, "its address was "+srv.Addr(), "--other-source")
	makeDump(t, srv.Addr(), out, since(newDir(t))).failed(t, archive.ErrIncomplete)
	makeDump(t, srv.Addr(), filepath.Join(filepath.Dir(out), "000002"), since(full)).failed(t, reader.ErrRefused, "would be delta 2", "000001")
	chain := newDir(t)
	makeDump(t, srv.Addr(), archive.DeltaPath(chain, 1), since(full)).ok(t)
	for _, no := range []string{chain, chain + "/", filepath.Join(chain, "2"), filepath.Join(chain, "0000002")} {
		makeDump(t, srv.Addr(), no, since(full)).failed(t, reader.ErrRefused, "is no place for a delta", "the next is "+archive.DeltaPath(chain, 2))
	}
	for _, no := range []string{chain, archive.DeltaPath(chain, 2)} {
		makeDump(t, srv.Addr(), no).failed(t, reader.ErrRefused, "with --base")
	}
	nights := newDir(t)
	makeDump(t, srv.Addr(), archive.DeltaPath(nights, 1)).ok(t)
	makeDump(t, srv.Addr(), archive.DeltaPath(nights, 2)).ok(t)
	for _, set := range []func(*Options){match("x*"), func(o *Options) { o.Selection.DBs = []int{3} }, func(o *Options) { o.Selection.Types = format.Types[:2] }} {
		r := makeDump(t, srv.Addr(), out, since(full), set)
		if exitcode.Of(r.err, nil) != exitcode.Usage || !strings.Contains(r.err.Error(), "leave it out") {
			t.Error(r.err)
		}
	}
	if len(files(t, out)) > 0 {
		t.Errorf("written: %q", files(t, out))
	}
	makeDump(t, other.Addr(), out, since(full), func(o *Options) { o.OtherSource = true }).ok(t)
	if d := read(t, out); len(d) > 0 {
		t.Errorf("two sources with the same keys: %v", d)
	}
	smallpika.Send(t, srv.Addr(), "HSET h f w", "HSET other f v", "SET s1 changed")
	chosen := newDir(t)
	makeDump(t, srv.Addr(), chosen, since(hashes)).ok(t)
	if got := slices.Collect(maps.Keys(read(t, chosen))); !slices.Equal(got, []string{`db0 hash "h"`}) {
		t.Errorf("the delta of a choice has %q", got)
	}
}

// TestDeltaEncrypted: a delta of an encrypted base is encrypted, with what is kept beside it, and
// is resumed with the identity.
func TestDeltaEncrypted(t *testing.T) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	keys := func(o *Options) {
		o.Archive.Keys = encryption.Keys{Recipients: []age.Recipient{id.Recipient()}, Identities: []age.Identity{id}}
	}
	var left atomic.Int64
	left.Store(1 << 40)
	srv := smallpika.Start(t, pikasim.Options{Intercept: func(int, [][]byte) ([]byte, bool, bool) { return nil, false, left.Add(-1) < 0 }})
	base, out := newDir(t), newDir(t)
	makeDump(t, srv.Addr(), base, keys).ok(t)
	for i := range 200 {
		smallpika.Client(t, srv.Addr()).Do(t.Context(), "SET", fmt.Sprint("secret", i), i)
	}
	clear := func(o *Options) { o.Archive.Keys = encryption.Keys{Identities: []age.Identity{id}} }
	if r := makeDump(t, srv.Addr(), newDir(t), since(base), clear); exitcode.Of(r.err, nil) != exitcode.Usage {
		t.Errorf("a delta in clear, unasked: %v", r.err)
	}
	set := func(o *Options) { o.Archive.SealAfter, o.Reader.PageKeys, o.Threads = time.Nanosecond, 5, 1 }
	left.Store(120)
	r := makeDump(t, srv.Addr(), out, since(base), keys, set)
	if left.Store(1 << 40); r.err == nil {
		t.Fatal("it was not stopped")
	}
	beside := 0
	for _, name := range files(t, out) {
		if !strings.HasSuffix(name, ".age") {
			t.Errorf("%s is in clear", name)
		}
		if strings.HasPrefix(name, "compared/") {
			beside++
		}
	}
	if beside == 0 {
		t.Error("nothing of the comparison was kept")
	}
	makeDump(t, srv.Addr(), out, since(base), keys, resume).ok(t, "200 keys")
	makeDump(t, srv.Addr(), newDir(t), since(base), clear, func(o *Options) { o.Archive.Keys.Plain = true }).ok(t, "200 keys")
	a, err := archive.OpenAny(t.Context(), out, 1, id)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if bad, err := a.Check(t.Context(), func(format.ChunkInfo) {}, func(err error) { t.Error(err) }); bad > 0 || err != nil || a.Manifest.Totals[0].Keys != 200 {
		t.Errorf("%d, %v, %+v", bad, err, a.Manifest.Totals)
	}
}

// TestDeltaByCursor: where only SCAN lists keys, a delta is made in one go.
func TestDeltaByCursor(t *testing.T) {
	srv := smallpika.Start(t, pikasim.Options{Version: pikasim.V340})
	scan := func(o *Options) { o.Reader.Scan = reader.ScanScan }
	base, out := newDir(t), newDir(t)
	makeDump(t, srv.Addr(), base, scan).ok(t)
	smallpika.Send(t, srv.Addr(), "DEL h", "SET s2 changed", "ZADD new 1 m")
	makeDump(t, srv.Addr(), out, since(base)).failed(t, reader.ErrRefused, "listed by cursor", "--scan")
	makeDump(t, srv.Addr(), out, since(base), scan).ok(t)
	if got := namesOf(read(t, out)); !slices.Equal(got, []string{"h", "new", "s2"}) {
		t.Errorf("%q", got)
	}
}

// TestDeltaCounted: what the comparison found is held against the source's own count, as a dump is.
func TestDeltaCounted(t *testing.T) {
	var lose atomic.Bool
	srv := smallpika.Start(t, pikasim.Options{Version: pikasim.V401, Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		if lose.Load() && smallpika.IsOfScan(args, "PKSCANRANGE HASH") {
			return []byte("*2\r\n$0\r\n\r\n*0\r\n"), true, false
		}
		return nil, false, false
	}})
	base := newDir(t)
	makeDump(t, srv.Addr(), base).ok(t)
	out := newDir(t)
	makeDump(t, srv.Addr(), out, since(base)).ok(t, "source's own count has as many keys")
	lose.Store(true)
	makeDump(t, srv.Addr(), newDir(t), since(base)).leftOut(t, "counts 1 hash without expiry")
}
