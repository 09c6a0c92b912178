package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// TestGoneWhileRead: a hash that is deleted between two of its pieces is not in the dump, and is listed. The others are there,
// whole, whichever way keys are listed; the dump verifies.
func TestGoneWhileRead(t *testing.T) {
	for _, flags := range [][]string{nil, {"--scan", "scan"}, {"--limit-keys", "20"}} {
		var c *redis.Client
		s := startPika(t, pikasim.Options{Version: pikasim.V401, Intercept: func(_ int, args [][]byte) ([]byte, bool, bool) {
			// h05 and h15 go when frames hold parts of them: their chunk is made anew. h08 goes in its first frame.
			if len(args) > 2 && strings.EqualFold(string(args[0]), "pkhscanrange") && (string(args[2]) > "f1" && strings.HasSuffix(string(args[1]), "5") || len(args[2]) > 0 && string(args[1]) == "h08") {
				c.Del(context.Background(), string(args[1]))
			}
			return nil, false, false
		}})
		c = redis.NewClient(&redis.Options{Addr: s.Addr(), Protocol: 2, DisableIdentity: true})
		defer c.Close()
		send(t, s.Addr(), "DEL h")
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
			send(t, s.Addr(), line.String())
		}
		out := filepath.Join(t.TempDir(), "dump")
		r := runCommand(append([]string{"dump", "--uri", s.Addr(), "--out", out}, flags...)...)
		r.failed(t, 3, "3 listed keys are not in it", "3 gone")
		if !strings.Contains(r.stderr, "skipped, gone: 3 (not there any more") {
			t.Errorf("the summary does not say what gone means: %s", r.stderr)
		}
		a, err := archive.Open(t.Context(), out, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		keys := map[string]int{}
		for _, u := range a.Units(func(c format.ChunkInfo) bool { return c.Type == format.TypeHash }) {
			for src := a.OpenUnit(u); ; {
				r, err := src.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				keys[string(r.Key)] += r.Elements()
			}
		}
		for i := range 20 {
			key, want := fmt.Sprintf("h%02d", i), 700
			if i%10 == 5 || i == 8 {
				want = 0
			}
			if keys[key] != want {
				t.Errorf("%v: %s has %d fields, not %d", flags, key, keys[key], want)
			}
		}
		if r := runCommand("verify", "--uri", s.Addr(), "--in", out); r.code != 0 {
			t.Errorf("%v: verify ends with %d:\n%s", flags, r.code, r.stderr)
		}
	}
}
