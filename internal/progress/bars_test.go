package progress

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func ptr[T any](v T) *T { return &v }

func part(n Name, keys int64, rate, share float64, state string) Part {
	p := Part{Name: n, Keys: keys, Bytes: keys * 100, KeysRate: rate, BytesRate: rate * 480, Work: int64(share * 1000), Whole: 1000, State: state, Share: ptr(share)}
	if share < 0 {
		p.Share, p.Whole = nil, -1
	}
	return p
}

// shots are what goldens show.
func shots() map[string]Snapshot {
	at := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	source := Server{Role: Source, Addr: "10.0.0.5:9221", Ops: ptr(45_210.0), CPU: ptr(3.1), Memory: ptr(int64(12 << 30)), Disk: ptr(int64(80 << 30)), Notes: []string{"counting its keys"}}
	target := Server{Role: Target, Addr: "10.0.0.9:6666", Ops: ptr(98_000.0), CPU: ptr(1.97), Memory: ptr(int64(900 << 20)), Disk: ptr(int64(5 << 30)), Stalls: ptr(int64(12)), Notes: []string{"3 compactions", "writes delayed"}}
	own := Process{CPU: 1.4, Resident: 54 << 20}
	dump := Snapshot{
		Schema: Schema, Time: at, Phase: "dump", Elapsed: 100, Left: ptr(131.0), Estimate: "INFO rocksdb", Connections: 6, Own: own, Servers: []Server{source},
		Total: part(Name{}, 4_567_890, 98_234, 0.4321, Running), Retries: 3,
		Waits: []Wait{{Reason: RateLimit, Seconds: 310, Now: 4, Share: 0.83}},
		Parts: []Part{
			part(Name{Type: "string"}, 3_000_000, 60_000, 0.9999, Running), part(Name{Type: "hash"}, 1_234_567, 38_234, 0.521, Running),
			part(Name{Type: "list"}, 333_323, 0, 1, Done), part(Name{Type: "zset"}, 0, 0, 0, Running), part(Name{Type: "stream"}, 0, 0, -1, Running),
		},
	}
	several := Snapshot{
		Schema: Schema, Time: at, Phase: "load", Elapsed: 7200, Left: ptr(4000.0), Own: own,
		Total: part(Name{}, 90_000, 1200, 0.5, Running), Servers: []Server{target, {Role: Target, Addr: "10.0.0.10:6666", Refused: "target 10.0.0.10:6666 refuses INFO: NOPERM"}},
		Waits: []Wait{{Reason: LatencyGuard, Share: 0.1}, {Reason: Retrying, Share: 0.01}, {Reason: RateLimit}},
	}
	for i := range 11 {
		state, share := Running, 0.1*float64(i)
		switch i {
		case 3:
			state = Failed
		case 10:
			state = Done
		}
		for _, typ := range []string{"string", "hash"} {
			several.Parts = append(several.Parts, part(Name{Target: fmt.Sprintf("kvrocks-%d.example.com:6666", i), Type: typ}, int64(1000*i), 60, share, state))
		}
	}
	follow := Snapshot{
		Schema: Schema, Time: at, Phase: "load", Elapsed: 5, Own: own, Servers: []Server{{Role: Target, Addr: "10.0.0.9:6666"}},
		Total: part(Name{}, 1200, 240, -1, Running), Waits: []Wait{{Reason: Chunks, Now: 8, Share: 0.97}, {Reason: Window, Now: 1, Detail: "paused until 22:00: it is outside of --window"}},
		Parts: []Part{part(Name{DB: 0, Type: "hash"}, 1000, 200, -1, Running), part(Name{DB: 3, Type: "hash"}, 200, 40, -1, Running)},
	}
	behind := Snapshot{
		Schema: Schema, Time: at, Phase: "follow", Elapsed: 3725, Connections: 2, Own: own, Servers: []Server{source}, Waits: []Wait{},
		Total: part(Name{}, 1_234_000, 18_400, -1, Running), Parts: []Part{part(Name{Type: "string"}, 1_000_000, 15_000, -1, Running), part(Name{Type: "hash"}, 234_000, 3400, -1, Running)},
		Lag: &Lag{Seconds: 12, Binlog: ptr(int64(34 << 20)), Names: ptr(int64(98_000)), Deltas: 214},
	}
	pack := Snapshot{Schema: Schema, Time: at, Phase: "pack", Elapsed: 61, Own: own, Parts: []Part{part(Name{}, 0, 0, 0.25, Running)}, Total: part(Name{}, 0, 0, 0.25, Running), Note: "12 files"}
	return map[string]Snapshot{"dump": dump, "several": several, "follow": follow, "behind": behind, "pack": pack}
}

// TestFrame: what stands on the terminal, and in a log. UPDATE_GOLDEN=1 writes the files anew.
func TestFrame(t *testing.T) {
	for name, s := range shots() {
		var b strings.Builder
		for _, width := range []int{60, 80, 200} {
			fmt.Fprintf(&b, "%d columns:\n%s\n\n", width, strings.Join(Frame(s, width, 40, false), "\n"))
		}
		fmt.Fprintf(&b, "80 columns, 10 rows, coloured:\n%s\n\n", strings.ReplaceAll(strings.Join(Frame(s, 80, 10, true), "\n"), "\x1b", "^["))
		fmt.Fprintf(&b, "a line of a log:\n%s\n", Line(s))
		path := filepath.Join("testdata", name+".txt")
		if os.Getenv("UPDATE_GOLDEN") != "" {
			if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil || string(want) != b.String() {
			t.Errorf("%s is not what is shown (%v):\n%s", path, err, b.String())
		}
	}
}

// TestFrameFits: no frame is wider or higher than its terminal, whatever it shows, and colours do
// not change its text.
func TestFrameFits(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		s := Snapshot{Phase: "load", Elapsed: r.Float64() * 1e6, Own: Process{CPU: r.Float64() * 99, Resident: r.Int64()}}
		if r.IntN(2) == 0 {
			s.Left = ptr(r.Float64() * 1e7)
			s.Estimate = "INFO rocksdb"
		}
		for range r.IntN(30) {
			s.Parts = append(s.Parts, part(Name{Target: strings.Repeat("ü", r.IntN(30)), DB: r.IntN(20), Type: "hash"}, r.Int64(), r.Float64()*1e9, r.Float64()-0.1, Running))
		}
		s.Total = part(Name{}, r.Int64(), r.Float64()*1e12, r.Float64(), Running)
		for range r.IntN(8) {
			s.Servers = append(s.Servers, Server{Role: Target, Addr: "h:1", Refused: strings.Repeat("x", r.IntN(300))})
			s.Waits = append(s.Waits, Wait{Reason: RateLimit, Share: r.Float64()})
		}
		width, height := 20+r.IntN(250), 2+r.IntN(60)
		lines := Frame(s, width, height, false)
		if len(lines) > height-1 {
			t.Fatalf("%d lines on %d rows", len(lines), height)
		}
		for i, line := range Frame(s, width, height, true) {
			if line = colours.ReplaceAllString(line, ""); line != lines[i] || len(line) > width-1 || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Fatalf("%d columns: %q, %q", width, line, lines[i])
			}
		}
	}
}

func TestRoundLeft(t *testing.T) {
	for s, want := range map[float64]string{0.2: "1s", 17.4: "17s", 32: "30s", 61: "1m", 131: "2m10s", 4000: "1h7m", 3600: "1h", 61800: "17h10m", 1e6: "277h50m"} {
		if got := roundLeft(s); got != want {
			t.Errorf("%v: %s, want %s", s, got, want)
		}
	}
}

// TestManyServers: a line of a log names four, or five, and says how many more there are.
func TestManyServers(t *testing.T) {
	s := shots()["dump"]
	for n, want := range map[int]string{5: "source 10.0.0.4: ", 6: "; and 2 servers more; "} {
		s.Servers = nil
		for i := range n {
			s.Servers = append(s.Servers, Server{Role: Source, Addr: fmt.Sprint("10.0.0.", i)})
		}
		if got := Line(s); !strings.Contains(got, want) || strings.Contains(got, "10.0.0.5") {
			t.Errorf("%d servers: %s", n, got)
		}
	}
}
