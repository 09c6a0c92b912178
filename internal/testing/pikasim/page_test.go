package pikasim

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"
)

var versions = []Version{V340, V355, V400, V401}

// randomName makes short names that share prefixes, of any byte but NUL, which
// 4.0 cannot store inside a name.
func randomName(r *rand.Rand) string {
	b := make([]byte, r.IntN(5))
	for i := range b {
		b[i] = "\x01\r\n*[?a b\x7f\x80\xff"[r.IntN(12)]
	}
	return string(b)
}

// between is the model: the sorted names within inclusive bounds, empty for none.
func between(all []string, start, end string, down bool) (list []string) {
	for _, name := range all {
		if down && (start == "" || name <= start) && name >= end ||
			!down && name >= start && (end == "" || name <= end) {
			list = append(list, name)
		}
	}
	if down {
		slices.Reverse(list)
	}
	return list
}

func TestKeyPagesFollowTheModel(t *testing.T) {
	for _, v := range versions {
		t.Run(string(v), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			clock := newTestClock(time.Unix(1_800_000_000, 0))
			c := dial(t, start(t, Options{Version: v, Clock: clock.Now}))
			model := map[string]bool{}
			for range 400 {
				name := randomName(r)
				dead := r.IntN(4) == 0
				c.do("SET", name, "v")
				if dead {
					c.do("EXPIRE", name, "1")
				}
				model[name] = !dead
			}
			clock.Advance(3 * time.Second)
			maps.DeleteFunc(model, func(_ string, live bool) bool { return !live })
			all := slices.Sorted(maps.Keys(model))
			for range 60 {
				command, down := "PKSCANRANGE", r.IntN(2) == 0
				from, to := randomName(r), randomName(r)
				if from != "" && to != "" && from < to == down {
					from, to = to, from
				}
				if down {
					command = "PKRSCANRANGE"
				}
				limit := 1 + r.IntN(50)
				want := between(all, from, to, down)
				got := pages(t, want, limit, func(next string) []string {
					if next == "" {
						next = from
					}
					return c.list(command, "string", next, to, "LIMIT", strconv.Itoa(limit))
				})
				if !slices.Equal(got, want) {
					t.Fatalf("%s %q %q LIMIT %d\n got %q\nwant %q", command, from, to, limit, got, want)
				}
			}
		})
	}
}

// pages goes through pages to the end and checks each next key: the first name
// not returned, or empty.
func pages(t *testing.T, want []string, limit int, page func(next string) []string) (got []string) {
	t.Helper()
	for next := ""; ; {
		reply := page(next)
		got = append(got, reply[1:]...)
		if next = reply[0]; next == "" {
			return got
		}
		if len(reply)-1 != limit || len(got) >= len(want) || next != want[len(got)] {
			t.Fatalf("%d of %d names after %q, then next key %q", len(reply)-1, limit, got, next)
		}
	}
}

func TestMemberPagesFollowTheModel(t *testing.T) {
	for _, v := range versions {
		t.Run(string(v), func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 4))
			c := dial(t, start(t, Options{Version: v}))
			model := map[string]string{}
			for range 300 {
				name := randomName(r) + "\x00" + randomName(r) // NUL is safe in members
				model[name] = strconv.Itoa(r.IntN(1000))
				c.do("HSET", "h", name, model[name])
				c.do("SADD", "s", name)
				c.do("ZADD", "z", model[name], name)
			}
			var pairs []string
			names := slices.Sorted(maps.Keys(model))
			for _, name := range names {
				pairs = append(pairs, name, model[name])
			}
			for _, limit := range []int{1, 7, 100, 300, 1000} {
				n := strconv.Itoa(limit)
				for _, command := range []string{"PKHSCANRANGE", "HSCANX"} {
					var got []string
					for next := ""; ; {
						args := []string{command, "h", next, "", "LIMIT", n}
						if command == "HSCANX" {
							args = []string{command, "h", next, "COUNT", n}
						}
						reply := c.list(args...)
						got = append(got, reply[1:]...)
						if next = reply[0]; next == "" {
							break
						}
					}
					if !slices.Equal(got, pairs) {
						t.Fatalf("%s LIMIT %d: %d elements, want %d", command, limit, len(got), len(pairs))
					}
				}
				for command, want := range map[string][]string{"HSCAN h": pairs, "SSCAN s": names, "ZSCAN z": pairs} {
					var got []string
					for cursor := "0"; ; {
						reply := c.list(command[:5], command[6:], cursor, "COUNT", n)
						got = append(got, reply[1:]...)
						if cursor = reply[0]; cursor == "0" {
							break
						}
					}
					if !slices.Equal(got, want) {
						t.Fatalf("%s COUNT %d: %d elements, want %d", command, limit, len(got), len(want))
					}
				}
			}
		})
	}
}

func TestLimitCountsVisitedOrMatching(t *testing.T) {
	for v, want := range map[Version]string{
		V355: `["b2" "a1"]`, // visited
		V401: `["b3" "a1" "b2"]`,
	} {
		c := dial(t, start(t, Options{Version: v}))
		for _, name := range []string{"a1", "a0", "b2", "b3"} {
			c.do("SADD", name, "m")
		}
		if got := fmt.Sprintf("%q", c.list("PKSCANRANGE", "set", "", "", "MATCH", "*[123]", "LIMIT", "2")); got != want {
			t.Errorf("%s: %s, want %s", v, got, want)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, x := range []struct {
		pattern, s string
		want       bool
	}{
		{"*", "", true}, {"", "", true}, {"", "a", false}, {"a*c", "abbc", true}, {"a*c", "abbd", false},
		{"a?c", "a\xffc", true}, {"a?c", "ac", false}, {"[a-c]x", "bx", true}, {"[^a-c]x", "bx", false},
		{"[c-a]x", "bx", true}, {`\*`, "*", true}, {`\*`, "a", false}, {"[]", "a", false}, {"[a", "a", true},
		{"**a**", "xxaxx", true}, {"a\x00*", "a\x00b", true}, {`[\]]`, "]", true},
		{"[\x7f-\x80]", "a", true}, {"[\x80-\xff]", "\x90", true}, {"[+--]", ",", true}, {"[a-]]", "^", true}, {`[\a-z]`, "-", true}, {`[\a-z]`, "b", false},
	} {
		if got := matches(x.pattern, x.s); got != x.want {
			t.Errorf("matches(%q, %q) = %v", x.pattern, x.s, got)
		}
	}
}
