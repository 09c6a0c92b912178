package pikasim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestScanCursorsAreShared(t *testing.T) {
	for _, v := range versions {
		t.Run(string(v), func(t *testing.T) {
			s := start(t, Options{Version: v})
			a, b := dial(t, s), dial(t, s)
			for i := range 30 {
				a.do("SET", fmt.Sprintf("aa%02d", i), "v")
				a.do("SET", fmt.Sprintf("zz%02d", i), "v")
			}
			first := a.list("SCAN", "0", "MATCH", "aa*", "COUNT", "10")
			if first[0] != "10" || len(first) != 11 {
				t.Fatalf("first page %q", first)
			}
			if got := b.list("SCAN", "0", "MATCH", "zz*", "COUNT", "10"); got[0] != "10" {
				t.Fatalf("the other's page %q", got)
			}
			// The other's position took the place of the first one's.
			if got := a.list("SCAN", "10", "MATCH", "aa*", "COUNT", "10"); len(got) != 1 {
				t.Errorf("second page %q, want none of aa*", got)
			}
			if got := a.list("SCAN", "123456", "MATCH", "aa*", "COUNT", "10"); !slices.Equal(got, first) {
				t.Errorf("unknown cursor: %q, want %q", got, first)
			}
		})
	}
}

func TestScanSeesEveryType(t *testing.T) {
	for _, v := range versions {
		t.Run(string(v), func(t *testing.T) {
			c := dial(t, start(t, Options{Version: v}))
			var want []string
			for i := range 2500 {
				name := fmt.Sprintf("key%04d", i)
				want = append(want, name)
				switch i % 5 {
				case 0:
					c.do("SET", name, "v")
				case 1:
					c.do("HSET", name, "f", "v")
				case 2:
					c.do("SADD", name, "m")
				case 3:
					c.do("RPUSH", name, "e")
				case 4:
					c.do("ZADD", name, "1", "m")
				}
			}
			for _, count := range []string{"7", "500", "1000", "2400", "5000"} {
				var got []string
				for cursor := "0"; ; {
					page := c.list("SCAN", cursor, "COUNT", count)
					got = append(got, page[1:]...)
					if cursor = page[0]; cursor == "0" {
						break
					}
				}
				slices.Sort(got)
				if !slices.Equal(got, want) {
					t.Errorf("COUNT %s: %d keys", count, len(got))
				}
			}
			got := c.list("KEYS", "key*")
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("KEYS: %d keys", len(got))
			}
			if got := c.list("KEYS", "*", "zset"); len(got) != 500 {
				t.Errorf("KEYS * zset: %d keys", len(got))
			}
		})
	}
}

func TestScanThatNeverEnds(t *testing.T) {
	for _, x := range []struct {
		why     string
		version Version
		fill    func(c *testConn, i int)
	}{
		{"a page border inside the streams", V355, func(c *testConn, i int) { c.do("XADD", fmt.Sprint("st", i), "1-1", "f", "v") }},
		{"a page border at a name of one byte", V401, func(c *testConn, i int) { c.do("SET", string(rune('a'+i)), "v") }},
	} {
		t.Run(x.why, func(t *testing.T) {
			c := dial(t, start(t, Options{Version: x.version}))
			for i := range 10 {
				x.fill(c, i)
			}
			cursor := "0"
			for range 50 {
				if cursor = c.list("SCAN", cursor, "COUNT", "3")[0]; cursor == "0" {
					t.Fatal("the scan ended")
				}
			}
		})
	}
	// Typed KEYS finds the streams all the same.
	c := dial(t, start(t, Options{Version: V355}))
	for i := range 1500 {
		c.do("XADD", "st"+strconv.Itoa(i), "1-1", "f", "v")
	}
	if got := c.list("KEYS", "*", "stream"); len(got) != 1500 {
		t.Errorf("KEYS * stream: %d of 1500", len(got))
	}
}

func TestCursorsForgetTheOldest(t *testing.T) {
	table := newCursors()
	for i := range cursorCapacity {
		table.store(strconv.Itoa(i), "at")
	}
	table.load("0") // now 1 is the oldest
	table.store("new", "at")
	for index, want := range map[string]bool{"0": true, "1": false, "2": true, "new": true} {
		if _, ok := table.load(index); ok != want {
			t.Errorf("load(%s) = %v", index, ok)
		}
	}
}

func TestKeysLimit(t *testing.T) {
	c := dial(t, start(t, Options{Config: map[string]string{"max-client-response-size": "100"}}))
	for i := range 20 {
		c.do("SET", "key"+strconv.Itoa(i), "v")
	}
	if got := c.do("KEYS", "*"); !strings.HasPrefix(got, "-ERR Response exceeds") {
		t.Errorf("KEYS: %q", got)
	}
}

// TestKeysTailPrefix: what stands before the * of a pattern without another of * ? [ ] is where a
// scan begins, with its backslashes, though the names are matched by the pattern.
func TestKeysTailPrefix(t *testing.T) {
	for _, v := range []Version{V355, V401} {
		c := dial(t, start(t, Options{Version: v}))
		for _, name := range []string{"order-1", "order-2", "order^1", "order*", "a\\b"} {
			c.do("XADD", name, "1-1", "f", "v")
		}
		for pattern, want := range map[string]int{
			"order-*": 2, `order\-*`: 0, `order\^*`: 1, "order[-]*": 2, `order\*`: 0, "order[*]": 1, `o*\*`: 1, "a[\\\\]*": 1, `a\\*`: 1, `a\\b`: 1,
		} {
			if got := len(c.list("KEYS", pattern, "stream")); got != want {
				t.Errorf("%s: KEYS %s names %d, want %d", v, pattern, got, want)
			}
		}
	}
}
