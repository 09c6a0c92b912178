package reader

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// forbid answers commands as if they were renamed or not allowed.
func forbid(reply string, commands ...string) func(int, [][]byte) ([]byte, bool, bool) {
	return func(_ int, args [][]byte) ([]byte, bool, bool) {
		for _, c := range commands {
			if strings.EqualFold(c, string(args[0])) {
				return []byte(reply), true, false
			}
		}
		return nil, false, false
	}
}

const (
	unknown = "-ERR unknown command \"x\"\r\n"
	noPerm  = "-NOPERM this user has no permissions to run the 'x' command\r\n"
	noAuth  = "-ERR NOAUTH Authentication required.\r\n" // of a blacklist up to 3.5.2
)

// TestListing: the way in which keys are listed, by version, by what is asked for, and by what the
// account may do.
func TestListing(t *testing.T) {
	for _, x := range []struct {
		name    string
		version pikasim.Version
		how     string
		reply   string
		without []string
		listing string // empty: refused
		says    string // in the warning, or the error
		target  error
	}{
		{"2.3.6", pikasim.V236, ScanAuto, "", nil, "SCAN", "", nil},
		{"2.3.6 by range", pikasim.V236, ScanRange, "", nil, "", "Pika 2.3.6 lists no key ranges", ErrRefused},
		{"3.0.2 by range", pikasim.V302, ScanRange, "", nil, "", "leave out --scan range", ErrRefused},
		{"3.0.3", pikasim.V303, ScanAuto, "", nil, "SCANX", "", nil},
		{"3.0.3 by range", pikasim.V303, ScanRange, "", nil, "SCANX", "", nil},
		{"3.0.3 without SCANX", pikasim.V303, ScanAuto, noAuth, []string{"SCANX"}, "", "SCANX", ErrAuth},
		{"3.4.0", pikasim.V340, ScanAuto, "", nil, "PKSCANRANGE", "", nil},
		{"blacklisted", pikasim.V340, ScanAuto, noAuth, []string{"PKSCANRANGE"}, "SCANX", "PKSCANRANGE cannot be used", nil},
		{"renamed", pikasim.V355, ScanAuto, unknown, []string{"PKSCANRANGE", "PKHSCANRANGE"}, "SCANX", "renamed or blacklisted", nil},
		{"not allowed", pikasim.V401, ScanAuto, noPerm, []string{"PKSCANRANGE"}, "SCANX", "ACL SETUSER default +", nil},
		{"no field ranges", pikasim.V401, ScanAuto, noPerm, []string{"PKHSCANRANGE", "HSCANX"}, "PKSCANRANGE", "", nil},
		{"no hashes", pikasim.V401, ScanAuto, noPerm, []string{"PKHSCANRANGE", "HSCANX", "HSCAN"}, "", "PKHSCANRANGE", ErrAuth},
		{"neither", pikasim.V355, ScanAuto, unknown, []string{"PKSCANRANGE", "SCANX"}, "", "SCANX cannot be used either", ErrRefused},
		{"neither, but SCAN", pikasim.V355, ScanScan, unknown, []string{"PKSCANRANGE", "SCANX", "PKHSCANRANGE", "HSCANX"}, "SCAN", "", nil},
		{"nothing", pikasim.V355, ScanScan, noPerm, []string{"SCAN"}, "", "SCAN", ErrAuth},
		{"no streams allowed", pikasim.V401, ScanAuto, noPerm, []string{"KEYS"}, "", "KEYS", ErrAuth},
	} {
		t.Run(x.name, func(t *testing.T) {
			srv, c := startSim(t, pikasim.Options{Version: x.version, Intercept: forbid(x.reply, x.without...)})
			mustDo(t, c, "SET", "s", "v")
			for i := range 40 {
				mustDo(t, c, "HSET", "h", fmt.Sprintf("%02d", i), "v")
			}
			s, err := Open(t.Context(), Options{Addr: srv.Addr(), Scan: x.how, PieceElements: 7})
			if x.listing == "" {
				if !errors.Is(err, x.target) || !strings.Contains(err.Error(), x.says) {
					t.Fatalf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if s.Listing() != x.listing || s.ByCursor() != (x.listing == "SCAN") {
				t.Errorf("keys are listed by %s", s.Listing())
			}
			if text := strings.Join(s.Warnings(), "\n"); (x.says == "") != (text == "") || !strings.Contains(text, x.says) {
				t.Errorf("warnings %q", text)
			}
			all := scanTypes(t, s, []format.Type{format.TypeString, format.TypeHash})
			if fmt.Sprint(all[format.TypeString].keys, all[format.TypeHash].keys) != "[s] [h]" || strings.Count(all[format.TypeHash].values["h"], `"v"`) != 40 {
				t.Errorf("got %q and %q", all[format.TypeString].values, all[format.TypeHash].values)
			}
		})
	}
}

// TestSplitForbidden: passes are not split where PKRSCANRANGE cannot be used, and go on.
func TestSplitForbidden(t *testing.T) {
	srv, c := startSim(t, pikasim.Options{Intercept: forbid(noPerm, "PKRSCANRANGE")})
	mustDo(t, c, "SET", "s", "v")
	s := open(t, Options{Addr: srv.Addr()})
	pass := NewPass(0, format.TypeString, nil, nil)
	for range 2 {
		if rest, err := s.Split(t.Context(), pass); rest != nil || err != nil {
			t.Errorf("split: %v, %v", rest, err)
		}
	}
	if n := srv.Commands()["pkrscanrange"]; n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// TestDuplicateNames: keys of 4.0 that were cut at a NUL are listed, and never make a pass go
// round, though there are more of one name than a page holds.
func TestDuplicateNames(t *testing.T) {
	for _, page := range []int{1, 2, 3, 256} {
		srv, c := startSim(t, pikasim.Options{Version: pikasim.V401})
		for i := range 20 {
			mustDo(t, c, "SET", fmt.Sprintf("b\x00%02d", i), "v")
		}
		mustDo(t, c, "SET", "a", "v")
		mustDo(t, c, "SET", "c", "v")
		for _, how := range []string{ScanAuto, ScanScan} {
			s := open(t, Options{Addr: srv.Addr(), PageKeys: page, Scan: how})
			g := scanTypes(t, s, []format.Type{format.TypeString})[format.TypeString]
			if strings.Join(g.keys, " ") != "a c" || len(g.skipped[Duplicate]) != 19 || len(g.skipped[Gone]) != 1 {
				t.Errorf("%s, pages of %d: keys %q, skipped %v", how, page, g.keys, g.skipped)
			}
		}
		s := open(t, Options{Addr: srv.Addr(), Scan: ScanScan})
		s.scanCount = 7
		err := s.ScanCursor(t.Context(), NewPass(0, "", nil, nil), func(format.Type) Sink { return newGathered(t) })
		if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "would never end") {
			t.Errorf("more of a name than a page of SCAN: %v", err)
		}
	}
}

// TestEstimate holds the estimate against what Pika's PFCOUNT answers.
func TestEstimate(t *testing.T) {
	for _, v := range versions {
		srv, c := startSim(t, pikasim.Options{Version: v})
		for i := range 2000 {
			mustDo(t, c, "PFADD", "few", i%10)
			mustDo(t, c, "PFADD", "many", i)
		}
		mustDo(t, c, "SET", "string", strings.Repeat("\x11", hllBytes))
		s := open(t, Options{Addr: srv.Addr()})
		g := &estimates{gathered: newGathered(t), members: map[string]int64{}}
		if err := s.Scan(t.Context(), NewPass(0, format.TypeString, nil, nil), g); err != nil {
			t.Fatal(err)
		}
		if len(g.members) != 2 {
			t.Errorf("%s: hyperloglogs %v", v, g.members)
		}
		for key, n := range g.members {
			if want, err := c.PFCount(t.Context(), key).Result(); err != nil || n != want {
				t.Errorf("%s: %s counts %d, PFCOUNT %d (%v)", v, key, n, want, err)
			}
		}
	}
	full := make([]byte, hllBytes)
	for i := range full {
		full[i] = hllRegister
	}
	if n := Estimate(full); n < 1<<32 {
		t.Errorf("full registers: %d", n)
	}
	for i := range full {
		full[i] = 6 // about 2^17 × 2^6 × 0.72, beyond the correction for few
	}
	if got, want := float64(Estimate(full)), 0.7213*math.Exp2(23); math.Abs(got-want) > want/1000 {
		t.Errorf("registers of 6: %v, want %v", got, want)
	}
	if n := Estimate(nil); n != 0 {
		t.Errorf("no registers: %d", n)
	}
}

type estimates struct {
	*gathered
	members map[string]int64
}

func (e *estimates) Record(r *format.Record) error {
	if r.Kind == format.HyperLogLog {
		e.members[string(r.Key)] = Estimate(r.Value)
	}
	return e.gathered.Record(r)
}
