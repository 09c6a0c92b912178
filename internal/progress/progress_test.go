package progress

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestCount(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 7: "7", 999: "999", 1000: "1,000", 12345: "12,345", 999_999: "999,999", 1_000_000: "1,000,000",
		-1: "-1", -999: "-999", -1000: "-1,000", -123456: "-123,456", math.MaxInt64: "9,223,372,036,854,775,807",
	} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1<<20 - 1: "1.0 MiB", 1<<20 - 1<<10: "1023.0 KiB", 1 << 20: "1.0 MiB",
		1<<30 - 1: "1.0 GiB", 5 << 30: "5.0 GiB", 1 << 40: "1.0 TiB", 1 << 50: "1.0 PiB", 1 << 60: "1.0 EiB", math.MaxInt64: "8.0 EiB",
	} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestLine(t *testing.T) {
	for _, tc := range []struct {
		name    string
		s       Point
		before  float64
		rate    float64
		elapsed time.Duration
		want    string
	}{
		{"nothing yet", Point{Done: -1}, 0, 0, 0, "0 keys  0 B  0 keys/s  0s"},
		{"whole not known", Point{Keys: 12345, Bytes: 1 << 20, Done: -1}, 0, 999.9, 61 * time.Second, "12,345 keys  1.0 MiB  999 keys/s  1m1s"},
		{"half", Point{Keys: 5, Bytes: 2048, Done: 0.5}, 0, 1000, time.Minute, " 50.0%  5 keys  2.0 KiB  1,000 keys/s  1m0s, about 1m0s left"},
		{"a quarter", Point{Done: 0.25}, 0, 0, time.Hour, " 25.0%  0 keys  0 B  0 keys/s  1h0m0s, about 3h0m0s left"},
		{"half, of which an earlier run did the most", Point{Done: 0.5}, 0.4, 0, time.Minute, " 50.0%  0 keys  0 B  0 keys/s  1m0s, about 5m0s left"},
		{"half, all of it by an earlier run", Point{Done: 0.5}, 0.5, 0, time.Minute, " 50.0%  0 keys  0 B  0 keys/s  1m0s"},
		{"too early to tell", Point{Done: 0.5}, 0, 0, 2 * time.Second, " 50.0%  0 keys  0 B  0 keys/s  2s"},
		{"too little to tell", Point{Done: 0.004}, 0, 0, time.Minute, "  0.4%  0 keys  0 B  0 keys/s  1m0s"},
		{"all", Point{Done: 1}, 0, 0, time.Minute, "100.0%  0 keys  0 B  0 keys/s  1m0s"},
		{"more than all", Point{Done: 1.2}, 0, 0, time.Minute, "100.0%  0 keys  0 B  0 keys/s  1m0s"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Line(tc.s, tc.before, tc.rate, tc.elapsed); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

// atNoon is a log whose clock stands.
func atNoon(out *bytes.Buffer, tty bool) *Log {
	l := &Log{w: out, now: func() time.Time { return time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC) }}
	if tty {
		l.width = func() int { return 40 }
	}
	return l
}

// TestShow: a terminal's line is drawn over and wiped at the end, a log gets lines with the time.
func TestShow(t *testing.T) {
	for _, tty := range []bool{true, false} {
		var out bytes.Buffer
		quit := make(chan struct{})
		calls := 0
		show(atNoon(&out, tty), time.Millisecond, func() Point {
			if calls++; calls == 4 {
				close(quit)
			}
			return Point{Keys: int64(calls), Done: -1}
		}, quit)
		said := out.String()
		if n := strings.Count(said, " keys "); n < 3 {
			t.Errorf("tty %v: %d lines in %q", tty, n, said)
		}
		switch {
		case tty && (!strings.HasPrefix(said, "2 keys") || !strings.Contains(said, "\r\x1b[K3 keys") || !strings.HasSuffix(said, "\r\x1b[K") || strings.Contains(said, "\n")):
			t.Errorf("on a terminal %q", said)
		case !tty && (strings.ContainsAny(said, "\r\x1b") || !strings.HasPrefix(said, "2026-11-28 12:00:00 2 keys") || !strings.HasSuffix(said, "\n")):
			t.Errorf("in a log %q", said)
		}
	}
}

// TestLog: a message takes the place of the line of progress on a terminal, and has the time
// elsewhere.
func TestLog(t *testing.T) {
	var out bytes.Buffer
	l := atNoon(&out, true)
	l.draw("10 keys")
	fmt.Fprintln(l, "a message")
	l.draw("")
	fmt.Fprint(l, "Password: ")
	fmt.Fprintln(l)
	l.draw(strings.Repeat("x", 50))
	if want := "10 keys\r\x1b[Ka message\n10 keys\r\x1b[KPassword: \n" + strings.Repeat("x", 39); out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	out.Reset()
	l = atNoon(&out, false)
	fmt.Fprint(l, "one\ntwo\nthr")
	fmt.Fprint(l, "ee\n")
	l.draw("10 keys")
	l.draw("")
	const at = "2026-11-28 12:00:00 "
	if want := at + "one\n" + at + "two\n" + at + "three\n" + at + "10 keys\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

// TestStart: what is no terminal gets no line before its time, and stop can be called twice.
func TestStart(t *testing.T) {
	var out bytes.Buffer
	var calls atomic.Int64
	stop := Start(&out, func() Point { calls.Add(1); return Point{} })
	stop()
	stop()
	before := calls.Load()
	if out.Len() > 0 || before > 1 {
		t.Errorf("%d calls, %q", before, out.String())
	}
	if IsTerminal(&out) {
		t.Error("a buffer is a terminal")
	}
}

func TestPlural(t *testing.T) {
	for n, want := range map[int]string{0: "0 keys are", 1: "1 key is", 2: "2 keys are", 1_234_567: "1,234,567 keys are"} {
		if got := Plural(n, "key is", "keys are"); got != want {
			t.Errorf("Plural(%d) = %s, want %s", n, got, want)
		}
	}
}
