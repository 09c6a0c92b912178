package progress

import (
	"bytes"
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
		s       Snapshot
		rate    float64
		elapsed time.Duration
		want    string
	}{
		{"nothing yet", Snapshot{Done: -1}, 0, 0, "0 keys  0 B  0 keys/s  0s"},
		{"whole not known", Snapshot{Keys: 12345, Bytes: 1 << 20, Done: -1}, 999.9, 61 * time.Second, "12,345 keys  1.0 MiB  999 keys/s  1m1s"},
		{"half", Snapshot{Keys: 5, Bytes: 2048, Done: 0.5}, 1000, time.Minute, " 50.0%  5 keys  2.0 KiB  1,000 keys/s  1m0s, about 1m0s left"},
		{"a quarter", Snapshot{Done: 0.25}, 0, time.Hour, " 25.0%  0 keys  0 B  0 keys/s  1h0m0s, about 3h0m0s left"},
		{"too early to tell", Snapshot{Done: 0.5}, 0, 2 * time.Second, " 50.0%  0 keys  0 B  0 keys/s  2s"},
		{"too little to tell", Snapshot{Done: 0.004}, 0, time.Minute, "  0.4%  0 keys  0 B  0 keys/s  1m0s"},
		{"all", Snapshot{Done: 1}, 0, time.Minute, "100.0%  0 keys  0 B  0 keys/s  1m0s"},
		{"more than all", Snapshot{Done: 1.2}, 0, time.Minute, "100.0%  0 keys  0 B  0 keys/s  1m0s"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := Line(tc.s, tc.rate, tc.elapsed); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

// TestShow: a terminal's line is drawn over and wiped at the end, a log gets lines.
func TestShow(t *testing.T) {
	for _, tty := range []bool{true, false} {
		var out bytes.Buffer
		quit := make(chan struct{})
		calls := 0
		show(&out, tty, time.Millisecond, func() Snapshot {
			if calls++; calls == 4 {
				close(quit)
			}
			return Snapshot{Keys: int64(calls), Done: -1}
		}, quit)
		said := out.String()
		if n := strings.Count(said, "keys/s"); n < 3 {
			t.Errorf("tty %v: %d lines in %q", tty, n, said)
		}
		switch {
		case tty && (!strings.HasPrefix(said, "\r\x1b[K2 keys") || !strings.HasSuffix(said, "\r\x1b[K") || strings.Contains(said, "\n")):
			t.Errorf("on a terminal %q", said)
		case !tty && (strings.ContainsAny(said, "\r\x1b") || !strings.HasPrefix(said, "2 keys") || !strings.HasSuffix(said, "\n")):
			t.Errorf("in a log %q", said)
		}
	}
}

// TestStart: what is no terminal gets no line before its time, and stop can be called twice.
func TestStart(t *testing.T) {
	var out bytes.Buffer
	var calls atomic.Int64
	stop := Start(&out, func() Snapshot { calls.Add(1); return Snapshot{} })
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
