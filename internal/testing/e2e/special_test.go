package e2e

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// TestScores: a score that a target refuses is reported, and the rest of the zset is there.
func TestScores(t *testing.T) {
	parallel(t)
	eachSource(t, func(t *testing.T, s source) {
		tiny := []float64{5e-324, -5e-324, 0x1p-1023, -smallestNormal / 3}
		mixed := collection(format.Zset, "tiny and not", "a", "b", "c", "d", "e", "f")
		mixed.Scores = append(tiny, 1, math.Copysign(0, -1))
		mixed.Expire = 2_000_000_000_000
		only := collection(format.Zset, "only tiny", "a", "b")
		only.Scores = tiny[:2]
		f := newFiller(t, client(t, s.addr, 0))
		f.record(mixed)
		f.record(only)
		f.do("ZADD", "only nan", "nan", "a")
		if !s.real { // a Pika that has to order NaN among others may refuse all writes from then on
			f.do("ZADD", "nan and not", "nan", "a", "2", "b")
		}
		f.flush()
		dir := dump(t, 0, s)
		inspect(t, dir)
		eachTarget(t, func(t *testing.T, to target) {
			left := load(t, 3, dir, to, "--method", "commands")
			check := newChecker(t, to, 0)
			expected := []string{`"only nan" ""`, `"only nan" "a"`}
			if !s.real {
				check.key(zset("nan and not", "b", 2))
				expected = append(expected, `"nan and not" "a"`)
			}
			if to.kvrocks {
				rest := collection(format.Zset, "tiny and not", "e", "f")
				rest.Scores, rest.Expire = mixed.Scores[4:], mixed.Expire
				check.key(rest)
				expected = append(expected, `"only tiny" ""`, `"only tiny" "a"`, `"only tiny" "b"`,
					`"tiny and not" "a"`, `"tiny and not" "b"`, `"tiny and not" "c"`, `"tiny and not" "d"`)
			} else {
				check.key(mixed)
				check.key(only)
			}
			check.done()
			var got []string
			for _, l := range left {
				got = append(got, fmt.Sprintf("%q %q", l.Key, l.Member))
			}
			slices.Sort(got)
			slices.Sort(expected)
			if !slices.Equal(got, expected) {
				t.Errorf("left out:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(expected, "\n"))
			}
			zsets := map[string]int{"left out by the load": 1}
			if !s.real {
				zsets["left out by the load"]++
			}
			if to.kvrocks {
				zsets["left out by the load"] += 2
			}
			for _, flags := range [][]string{{"--reverse"}, {"--keys-only"}} {
				list, _ := verifying(t, 0, dir, to, flags...)
				checkExplained(t, list, zsets)
			}
		})
		eachKvrocks(t, func(t *testing.T, to target) {
			uri := []string{"--quiet", "--uri", "redis://" + to.addr, "--in", dir}
			if left := load(t, 0, dir, to, "--method", "raw", "--verify"); len(left) > 0 {
				t.Errorf("left out: %v", left)
			}
			c := to.client(t, 0)
			if got, err := c.ZScore(t.Context(), "only nan", "a").Result(); !math.IsNaN(got) {
				t.Errorf("nan is %v, %v", got, err)
			}
			list, _ := verifying(t, 0, dir, to, "--reverse")
			checkExplained(t, list, map[string]int{})
			// What was stored and is gone is a difference.
			if err := c.ZRem(t.Context(), "only tiny", "a").Err(); err != nil {
				t.Fatal(err)
			}
			mustRun(t, 4, "kvload", append([]string{"load", "--resume", "--verify"}, uri...)...)
			if err := c.ZAdd(t.Context(), "only tiny", redis.Z{Score: 1, Member: "a"}).Err(); err != nil {
				t.Fatal(err)
			}
			mustRun(t, 3, "kvload", append([]string{"rollback"}, uri...)...)
			mustRun(t, 0, "kvload", append([]string{"rollback", "--force"}, uri...)...)
			if n := len(c.Keys(t.Context(), "*").Val()); n > 0 {
				t.Errorf("%d keys are left behind the rollback", n)
			}
		})
	})
}

// TestHyperLogLog: a hyperloglog is left out, or written with its bytes as a string. A
// string of its size is a string.
func TestHyperLogLog(t *testing.T) {
	parallel(t)
	eachSource(t, func(t *testing.T, s source) {
		c := client(t, s.addr, 0)
		do(t, c, "PFADD", "counted", "a", "b", "c")
		do(t, c, "PFADD", "counted \r\n:1", "d")
		do(t, c, "EXPIREAT", "counted", 2_000_000_000)
		alike := str("\r\n:1\r\n", strings.Repeat("\xff\x00\r\n", 32<<10))
		short := str("short", "\x01\x02")
		f := newFiller(t, c)
		f.record(alike)
		f.record(short)
		f.flush()
		var counted []*record
		for _, key := range []string{"counted", "counted \r\n:1"} {
			registers, err := c.Get(t.Context(), key).Result()
			if err != nil || len(registers) != 128<<10 {
				t.Fatalf("%d registers, %v", len(registers), err)
			}
			counted = append(counted, str(key, registers))
		}
		counted[0].Expire = 2_000_000_000_000
		dir := dump(t, 0, s)
		inspect(t, dir)
		eachTarget(t, func(t *testing.T, to target) {
			if left := load(t, 3, dir, to); len(left) != 2 || left[0].Reason != "hyperloglog" || left[1].Reason != "hyperloglog" {
				t.Errorf("left out: %+v", left)
			}
			check := newChecker(t, to, 0)
			check.key(alike)
			check.key(short)
			check.done()
			list, _ := verifying(t, 0, dir, to, "--reverse")
			checkExplained(t, list, map[string]int{"left out by the load": 2})
			if left := load(t, 0, dir, to, "--hyperloglog", "string", "--on-exists", "replace"); len(left) != 0 {
				t.Errorf("left out: %+v", left)
			}
			for _, r := range counted {
				check.key(r)
			}
			check.done()
			list, _ = verifying(t, 0, dir, to, "--reverse") // which the journal knows
			checkExplained(t, list, map[string]int{})
		})
	})
}
