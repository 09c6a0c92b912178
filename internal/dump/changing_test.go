package dump

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smalldump"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/smallpika"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// TestGoneWhileRead: a hash that is deleted between two of its pieces is not in the dump, and is
// listed. The others are there, whole, whichever way keys are listed.
func TestGoneWhileRead(t *testing.T) {
	for name, set := range map[string]func(*Options){
		"":             func(*Options) {},
		"by SCAN":      func(o *Options) { o.Reader.Scan = reader.ScanScan },
		"the first 20": func(o *Options) { o.Selection.LimitKeys = 20 },
	} {
		var c *redis.Client
		s := smallpika.Start(t, pikasim.Options{Version: pikasim.V401, Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
			// h05 and h15 go when frames hold parts of them: their chunk is made anew. h08 goes
			// in its first frame.
			if len(args) > 2 && strings.EqualFold(string(args[0]), "pkhscanrange") && (string(args[2]) > "f1" && strings.HasSuffix(string(args[1]), "5") || len(args[2]) > 0 && string(args[1]) == "h08") {
				c.Del(context.Background(), string(args[1]))
			}
			return nil, false, false
		}})
		c = smallpika.Client(t, s.Addr())
		smallpika.Send(t, s.Addr(), "DEL h")
		for i := range 20 {
			var line strings.Builder
			fmt.Fprintf(&line, "HMSET h%02d", i)
			size := 1
			if i%10 == 5 {
				size = 8000
			}
			for j := range 700 {
				fmt.Fprintf(&line, " f%03d %s", j, strings.Repeat("v", size))
			}
			smallpika.Send(t, s.Addr(), line.String())
		}
		out := newDir(t)
		r := makeDump(t, s.Addr(), out, set)
		r.leftOut(t, "3 listed keys are not in it", "3 gone")
		if !strings.Contains(r.log, "left out  3 keys: gone (not there any more") {
			t.Errorf("the summary does not say what it means: %s", r.log)
		}
		a, err := archive.Open(t.Context(), out, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		keys := map[string]int{}
		for u, r := range smalldump.Records(t, a) {
			if u[0].Type == format.TypeHash {
				keys[string(r.Key)] += r.Elements()
			}
		}
		for i := range 20 {
			key, want := fmt.Sprintf("h%02d", i), 700
			if i%10 == 5 || i == 8 {
				want = 0
			}
			if keys[key] != want {
				t.Errorf("%v: %s has %d fields, not %d", name, key, keys[key], want)
			}
		}
	}
}

// TestTypeChanged: a name of a 4.0 that gets another type behind its first one was read is in the
// dump under both, and listed.
func TestTypeChanged(t *testing.T) {
	var c *redis.Client
	s := smallpika.Start(t, pikasim.Options{Version: pikasim.V401, Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
		if len(args) > 2 && strings.EqualFold(string(args[0]), "pkscanrange") && string(args[1]) == "zset" && len(args[2]) == 0 {
			c.Del(context.Background(), "s1") // strings have been read
			c.ZAdd(context.Background(), "s1", redis.Z{Score: 1, Member: "m"})
		}
		return nil, false, false
	}})
	c = smallpika.Client(t, s.Addr())
	out := newDir(t)
	makeDump(t, s.Addr(), out, func(o *Options) { o.Threads = 1 }).ok(t, "1 name stands in several types")
	a, err := archive.Open(t.Context(), out, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	var found []string
	err = a.Conflicts(func(k archive.ConflictKey) error {
		found = append(found, fmt.Sprint(k.Name, k.Types))
		return nil
	})
	if want := `["s1"[string zset]]`; err != nil || fmt.Sprint(found) != want {
		t.Errorf("%v, %v; want %s", found, err, want)
	}
}
