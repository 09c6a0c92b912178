package reader

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// scanTypes scans types of database 0 in the way that the scanner chose.
func scanTypes(t *testing.T, s *Scanner, types []format.Type) map[format.Type]*gathered {
	t.Helper()
	all := map[format.Type]*gathered{}
	for _, typ := range types {
		if s.ByCursor() && typ != format.TypeStream {
			all[typ] = newGathered(t)
		} else {
			all[typ] = scanPass(t, s, NewPass(0, typ, nil, nil))
		}
	}
	if s.ByCursor() {
		if err := s.ScanCursor(t.Context(), NewPass(0, "", nil, nil), sinkOf(all)); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func sinkOf(all map[format.Type]*gathered) func(format.Type) Sink {
	return func(typ format.Type) Sink {
		if g := all[typ]; g != nil {
			return g
		}
		return nil
	}
}

// sameElements reports whether two zsets are equal but for the order.
func sameElements(a, b string) bool {
	x, y := strings.Split(a, " "), strings.Split(b, " ")
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

// TestScanEarly holds the ways of early versions, and SCAN where it is asked for, against a model.
func TestScanEarly(t *testing.T) {
	for _, x := range []struct {
		version pikasim.Version
		how     string
		command string
	}{
		{pikasim.V236, ScanAuto, "SCAN"}, {pikasim.V302, ScanAuto, "SCAN"}, {pikasim.V303, ScanAuto, "SCANX"},
		{pikasim.V303, ScanScan, "SCAN"}, {pikasim.V340, ScanScan, "SCAN"}, {pikasim.V355, ScanScan, "SCAN"},
	} {
		for _, small := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%s/small=%v", x.version, x.command, small), func(t *testing.T) {
				testScanAll(t, x.version, x.how, small)
				srv, _ := startSim(t, pikasim.Options{Version: x.version})
				if got := open(t, Options{Addr: srv.Addr(), Scan: x.how}).Listing(); got != x.command {
					t.Errorf("keys are listed by %s", got)
				}
			})
		}
	}
}

// TestCursorOneType: SCAN on 4.0, with streams, which come in a pass of their own.
func TestCursorOneType(t *testing.T) {
	srv, c := startSim(t, pikasim.Options{Version: pikasim.V401})
	for i := range 50 {
		mustDo(t, c, "SET", fmt.Sprintf("s%02d", i), "v")
		mustDo(t, c, "SADD", fmt.Sprintf("t%02d", i), "v")
		mustDo(t, c, "XADD", fmt.Sprintf("a%02d", i), "1-1", "f", "v")
	}
	mustDo(t, c, "SET", "dead", "v")
	mustDo(t, c, "EXPIREAT", "dead", 1)
	s := open(t, Options{Addr: srv.Addr(), Scan: ScanScan})
	s.scanCount = 7
	for typ, g := range scanTypes(t, s, []format.Type{format.TypeString, format.TypeSet, format.TypeList, format.TypeStream}) {
		if want := map[format.Type]int{format.TypeList: 0}; len(g.keys) != 50 && typ != format.TypeList || len(g.skipped) != want[typ] {
			t.Errorf("%s: %d keys, skipped %v", typ, len(g.keys), g.skipped)
		}
	}
	if n := srv.Commands(); n["type"] != 0 || n["dbsize"] != 0 {
		t.Errorf("TYPE and DBSIZE were sent: %v", n)
	}
}

// TestCursorTraps: what SCAN does wrong ends the run, and is never taken for the end of the keys.
func TestCursorTraps(t *testing.T) {
	long := func(i int) string { return fmt.Sprintf("key:%03d", i) }
	for _, x := range []struct {
		name    string
		version pikasim.Version
		key     func(i int) string
		// answer replaces the reply to the nth SCAN of the walk.
		answer map[int]string
		says   []string
		target error
	}{
		{"a page border at a name of one byte", pikasim.V401, func(i int) string { return string(rune('A' + i)) }, nil,
			[]string{"lost its place"}, ErrUnavailable},
		{"a name with a line end on 4.0", pikasim.V401, func(i int) string { return long(i) + "\r\n" }, nil,
			[]string{"line end", "leave out --scan scan"}, ErrRefused},
		{"restarted: the cursor begins anew", pikasim.V302, long, map[int]string{3: "*2\r\n$1\r\n7\r\n*1\r\n$7\r\nkey:000\r\n"},
			[]string{"SCAN 14 COUNT 7 answers cursor 7, not 21", "lost its place", "another client scanning"}, ErrUnavailable},
		{"another scan moved the place back", pikasim.V302, long, map[int]string{3: "*2\r\n$2\r\n21\r\n*1\r\n$7\r\nkey:000\r\n"},
			[]string{"lost its place"}, ErrUnavailable},
		{"a cursor that is no number", pikasim.V302, long, map[int]string{2: "*2\r\n$1\r\nx\r\n*0\r\n"}, []string{"answers cursor x"}, ErrUnavailable},
		{"2.x takes a cursor that is not free", pikasim.V236, long, map[int]string{2: "*2\r\n$1\r\n9\r\n*0\r\n"}, []string{"answers cursor 9, not 14"}, ErrUnavailable},
	} {
		t.Run(x.name, func(t *testing.T) {
			asked := 0
			o := pikasim.Options{Version: x.version}
			o.Intercept = func(_ int, args [][]byte) ([]byte, bool, bool) {
				if strings.EqualFold(string(args[0]), "scan") && string(args[len(args)-1]) == "7" {
					asked++
					if raw := x.answer[asked]; raw != "" {
						return []byte(raw), true, false
					}
				}
				return nil, false, false
			}
			srv, c := startSim(t, o)
			for i := range 40 {
				mustDo(t, c, "SET", x.key(i), "v")
			}
			s := open(t, Options{Addr: srv.Addr(), Scan: ScanScan})
			s.scanCount = 7
			err := s.ScanCursor(t.Context(), NewPass(0, "", nil, nil), sinkOf(map[format.Type]*gathered{format.TypeString: newGathered(t)}))
			if !errors.Is(err, x.target) {
				t.Fatalf("error %v", err)
			}
			for _, want := range x.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
		})
	}
}

// TestCursorShared: other clients' scans, with a pattern that is far ahead, do not move our place.
func TestCursorShared(t *testing.T) {
	for _, count := range []string{"10", "100", "1000", "7", "50"} {
		srv, c := startSim(t, pikasim.Options{Version: pikasim.V302})
		for i := range 5000 {
			mustDo(t, c, "SET", fmt.Sprintf("key:%04d", i), "v")
		}
		s := open(t, Options{Addr: srv.Addr()})
		g := &disturbed{gathered: newGathered(t), c: c, count: count}
		if err := s.ScanCursor(t.Context(), NewPass(0, "", nil, nil), func(typ format.Type) Sink {
			if typ == format.TypeString {
				return g
			}
			return nil
		}); err != nil || len(g.keys) != 5000 {
			t.Errorf("COUNT %s: %d keys, %v", count, len(g.keys), err)
		}
	}
}

// disturbed scans by itself now and then.
type disturbed struct {
	*gathered
	c     *redis.Client
	count string
}

func (d *disturbed) Record(r *format.Record) error {
	if len(d.keys)%500 == 0 {
		for cursor := "0"; ; {
			page, err := d.c.Do(d.t.Context(), "SCAN", cursor, "MATCH", "key:4*", "COUNT", d.count).Slice()
			if err != nil {
				return err
			}
			if cursor = page[0].(string); cursor == "0" {
				break
			}
		}
	}
	return d.gathered.Record(r)
}

// TestCursorRefused: SCAN is not used where streams make it go round.
func TestCursorRefused(t *testing.T) {
	srv, c := startSim(t, pikasim.Options{Version: pikasim.V355, Databases: 2})
	mustDo(t, c, "SET", "a", "v")
	open(t, Options{Addr: srv.Addr(), Scan: ScanScan})
	second := redis.NewClient(&redis.Options{Addr: srv.Addr(), Protocol: 2, DisableIdentity: true, DB: 1})
	defer second.Close()
	mustDo(t, second, "XADD", "st", "1-1", "f", "v")
	_, err := Open(t.Context(), Options{Addr: srv.Addr(), Scan: ScanScan})
	if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "db1 has streams") {
		t.Errorf("error %v", err)
	}
}

// TestCursorUnread: names that a filter declines, Pika's own, limits and types that nobody wants.
func TestCursorUnread(t *testing.T) {
	srv, c := startSim(t, pikasim.Options{Version: pikasim.V302})
	for i := range 60 {
		mustDo(t, c, "SET", fmt.Sprintf("a%02d", i), "v")
		mustDo(t, c, "SADD", fmt.Sprintf("a%02d", i), "v")
		mustDo(t, c, "HSET", fmt.Sprintf("b%02d", i), "f", "v")
	}
	mustDo(t, c, "SADD", "_internal:slotkey:4migrate:7", "x")
	s := open(t, Options{Addr: srv.Addr()})
	s.scanCount = 7
	run := func(pass *Pass) map[format.Type]*gathered {
		all := map[format.Type]*gathered{format.TypeString: newGathered(t), format.TypeSet: newGathered(t)}
		if err := s.ScanCursor(t.Context(), pass, sinkOf(all)); err != nil {
			t.Fatal(err)
		}
		return all
	}
	all := run(NewPass(0, "", nil, nil))
	if a, b := all[format.TypeString], all[format.TypeSet]; len(a.keys) != 60 || len(b.keys) != 60 || len(b.skipped[Internal]) != 1 || len(a.skipped) != 0 {
		t.Errorf("%d and %d keys, skipped %v %v", len(a.keys), len(b.keys), a.skipped, b.skipped)
	}
	pass := NewPass(0, "", nil, nil)
	pass.Keep = func(k []byte) bool { return k[len(k)-1] == '3' }
	pass.Prefix = []byte("a")
	all = run(pass)
	if a, b := all[format.TypeString], all[format.TypeSet]; len(a.keys) != 6 || !slices.Equal(a.keys, b.keys) || !slices.Equal(b.skipped[ExpiryUnknown], a.keys) || len(a.skipped)+len(b.skipped) != 1 {
		t.Errorf("filtered: %q and %q, skipped %v", a.keys, b.keys, b.skipped)
	}
	pass = NewPass(0, "", nil, nil)
	pass.Limit = 5
	all = run(pass)
	if a, b := all[format.TypeString], all[format.TypeSet]; len(a.keys) != 5 || len(b.keys) != 5 {
		t.Errorf("limited: %q and %q", a.keys, b.keys)
	}
}
