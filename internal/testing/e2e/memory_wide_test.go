package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// invented answers for collections that no simulator could hold: their elements are made up as
// they are asked for.
type invented struct {
	hashes, fields int64 // hashes "h0000000000", …, each of so many fields
	members        int64 // of the zset "z"
}

func number(prefix string, n int64) []byte { return fmt.Appendf([]byte(prefix), "%010d", n) }

// after returns the number of the first name that is not before start.
func after(start []byte, prefix string) int64 {
	n, _ := strconv.ParseInt(string(bytes.TrimPrefix(start, []byte(prefix))), 10, 64)
	return n
}

func appendBulk(b, v []byte) []byte {
	b = append(strconv.AppendInt(append(b, '$'), int64(len(v)), 10), "\r\n"...)
	return append(append(b, v...), "\r\n"...)
}

// page answers [next, [name and, with values, a value …]] for names from one to before count.
func page(prefix string, from, count, limit int64, values bool) []byte {
	to := min(from+limit, count)
	next := []byte{}
	if to < count {
		next = number(prefix, to)
	}
	items := to - from
	if values {
		items *= 2
	}
	b := appendBulk([]byte("*2\r\n"), next)
	b = append(strconv.AppendInt(append(b, '*'), items, 10), "\r\n"...)
	for i := from; i < to; i++ {
		b = appendBulk(b, number(prefix, i))
		if values {
			b = appendBulk(b, strconv.AppendInt(nil, i*7919%1000003, 10))
		}
	}
	return b
}

func (iv *invented) answer(_ int, args [][]byte) (reply []byte, handled, cut bool) {
	limit := func() int64 { n, _ := strconv.ParseInt(string(args[len(args)-1]), 10, 64); return n }
	switch string(bytes.ToUpper(args[0])) {
	case "PKSCANRANGE":
		switch string(args[1]) {
		case "hash":
			return page("h", after(args[2], "h"), iv.hashes, limit(), false), true, false
		case "zset":
			if iv.members > 0 {
				return []byte("*2\r\n$0\r\n\r\n*1\r\n$1\r\nz\r\n"), true, false
			}
		}
	case "PKHSCANRANGE":
		if args[1][0] == 'h' {
			return page("f", after(args[2], "f"), iv.fields, limit(), true), true, false
		}
	case "ZSCAN":
		if string(args[1]) == "z" {
			cursor, _ := strconv.ParseInt(string(args[2]), 10, 64)
			b := page("m", cursor, iv.members, limit(), true)
			next := []byte("0")
			if cursor+limit() < iv.members {
				next = strconv.AppendInt(nil, cursor+limit(), 10)
			}
			_, rest, _ := bytes.Cut(b[4:], []byte("\r\n")) // the length of the name
			_, rest, _ = bytes.Cut(rest, []byte("\r\n"))   // the name
			return append(appendBulk([]byte("*2\r\n"), next), rest...), true, false
		}
	case "PTYPE":
		typ := map[byte]string{'h': "hash", 'z': "zset"}[args[1][0]]
		return appendBulk([]byte("*1\r\n"), []byte(typ)), true, false
	case "TTL", "PTTL":
		return []byte(":-1\r\n"), true, false
	}
	return nil, false, false
}

// TestMemoryWide dumps more elements than any machine of ours could hold.
func TestMemoryWide(t *testing.T) {
	parallel(t)
	cases := map[string]invented{"zset": {members: 1_000_000}, "hashes": {hashes: 40, fields: 20_000}}
	if os.Getenv("E2E_MEMORY") == "1" {
		cases = map[string]invented{"zset of 20 million members": {members: 20_000_000}, "10,000 hashes of 50,000 fields": {hashes: 10_000, fields: 50_000}}
	}
	for name, iv := range cases {
		t.Run(name, func(t *testing.T) {
			s := simulate(t, pikasim.Options{Version: pikasim.V355, Intercept: iv.answer})
			dir := filepath.Join(t.TempDir(), "dump")
			r := runMeasured(t, 0, "pikadump", "dump", "--quiet", "--uri", "redis://"+s.addr, "--out", dir, "--type", "hash,zset", "--no-source-count")
			t.Logf("%s: VmHWM %.1f MiB", name, float64(r.peak)/(1<<20))
			if r.peak > memoryLimit {
				t.Errorf("that is above %d MiB", memoryLimit>>20)
			}
			a, err := archive.Open(t.Context(), dir, 1)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			elements := int64(0)
			for _, total := range a.Manifest.Totals {
				elements += total.Elements
			}
			if want := iv.hashes*iv.fields + iv.members; elements != want {
				t.Errorf("%d elements, want %d", elements, want)
			}
		})
	}
}
