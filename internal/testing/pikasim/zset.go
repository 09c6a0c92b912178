package pikasim

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/alicebob/miniredis/v2/geohash"
	"github.com/tidwall/btree"
)

// zset is scores by member, in byte order of the members, as ZSCAN lists them.
type zset struct {
	scores btree.Map[string, float64]
}

func (*zset) kind() kind           { return zsetKind }
func (z *zset) size() int          { return z.scores.Len() }
func (z *zset) drop(member string) { z.scores.Delete(member) }

// scored is one member with its score.
type scored struct {
	member string
	score  float64
}

func zadd(c *call) {
	c.addScores(2, c.score)
}

// addScores adds members, each of which ends so many arguments, and answers how many are new. The
// score is that of the arguments from i on.
func (c *call) addScores(step int, score func(i int) float64) {
	var scores []float64
	for i := 2; i < len(c.args); i += step {
		scores = append(scores, score(i))
	}
	z := edit[zset](c)
	before := z.size()
	for i, f := range scores {
		z.scores.Set(c.str(1+step*(i+1)), f)
	}
	c.out.integer(int64(z.size() - before))
}

// zrange is ZRANGE key start stop [WITHSCORES].
func zrange(c *call) {
	with := len(c.args) == 5 && c.word(4) == "withscores"
	if len(c.args) > 4 && !with {
		c.fail(syntax)
	}
	z, _ := read[zset](c)
	from, to := span(c.number(2), c.number(3), z.size())
	rows := z.fromLowest()
	rows = rows[min(from, len(rows)):min(to, len(rows))]
	width := 1
	if with {
		width = 2
	}
	c.out.array(width * len(rows))
	for _, row := range rows {
		c.out.text(row.member)
		if with {
			c.out.text(formatScore(row.score))
		}
	}
}

// fromLowest is the members by score as ZRANGE walks them: it starts at the lowest finite score,
// which leaves out members of -inf. (A real one goes on into the next key for as many.)
func (z *zset) fromLowest() []scored {
	return slices.DeleteFunc(z.byScore(), func(s scored) bool { return math.IsInf(s.score, -1) })
}

// byScore is all members in the order of score, then member.
func (z *zset) byScore() []scored {
	rows := make([]scored, 0, z.size())
	z.scores.Scan(func(m string, f float64) bool {
		rows = append(rows, scored{m, f})
		return true
	})
	slices.SortStableFunc(rows, func(a, b scored) int { return cmp.Compare(a.score, b.score) })
	return rows
}

// geoadd is GEOADD key lon lat member ...: a zset of 52-bit geohashes.
func geoadd(c *call) {
	c.addScores(3, func(i int) float64 {
		lon, lat := c.score(i), c.score(i+1)
		return float64(geohash.EncodeIntWithPrecision(lat, lon, 52))
	})
}

func zincrby(c *call) {
	by := c.score(2)
	z := edit[zset](c)
	f, _ := z.scores.Get(c.str(3))
	z.scores.Set(c.str(3), f+by)
	c.out.text(formatScore(f + by))
}

// removeRows removes members of the call's zset and answers how many.
func (c *call) removeRows(z *zset, rows []scored) {
	for _, row := range rows {
		z.scores.Delete(row.member)
	}
	c.out.integer(int64(len(rows)))
}

func zremrangebyrank(c *call) {
	start, stop := c.number(2), c.number(3)
	z, _ := read[zset](c)
	from, to := span(start, stop, z.size())
	c.removeRows(z, z.byScore()[from:to])
}

// zremrange is ZREMRANGEBYSCORE and ZREMRANGEBYLEX.
func zremrange(c *call) {
	inside := c.scoreRange
	if c.name == "zremrangebylex" {
		inside = c.lexRange
	}
	above, below := inside(2, true), inside(3, false)
	z, _ := read[zset](c)
	rows := []scored{}
	for _, row := range z.byScore() {
		if above(row) && below(row) {
			rows = append(rows, row)
		}
	}
	c.removeRows(z, rows)
}

// scoreRange tests a score against the lower or the upper bound in argument i.
func (c *call) scoreRange(i int, lower bool) func(scored) bool {
	word, open := strings.CutPrefix(c.str(i), "(")
	bound, ok := parseScore(word)
	if !ok || math.IsNaN(bound) {
		c.fail("ERR min or max is not a float")
	}
	return func(s scored) bool {
		return s.score == bound && !open || lower && s.score > bound || !lower && s.score < bound
	}
}

// lexRange does so for members.
func (c *call) lexRange(i int, lower bool) func(scored) bool {
	word := c.str(i)
	switch {
	case word == "-" || word == "+":
		return func(scored) bool { return (word == "-") == lower }
	case word == "" || word[0] != '[' && word[0] != '(':
		c.fail("ERR min or max not valid string range item")
	}
	bound := word[1:]
	return func(s scored) bool {
		return s.member == bound && word[0] == '[' || lower && s.member > bound || !lower && s.member < bound
	}
}

// zpop is ZPOPMIN and ZPOPMAX key [count].
func zpop(c *call) {
	n := int64(1)
	if len(c.args) > 2 {
		n = c.number(2)
	}
	z, _ := read[zset](c)
	rows := z.byScore()
	n = min(n, int64(len(rows)))
	c.out.array(int(2 * n))
	for i := range n {
		row := rows[i]
		if c.name == "zpopmax" {
			row = rows[len(rows)-1-int(i)]
		}
		z.scores.Delete(row.member)
		c.out.text(row.member)
		c.out.text(formatScore(row.score))
	}
}

// zstore is ZUNIONSTORE and ZINTERSTORE to n from ... [WEIGHTS w ...] [AGGREGATE sum|min|max].
func zstore(c *call) {
	n := int(c.number(2))
	weights, aggregate := make([]float64, n), "sum"
	for i := range weights {
		weights[i] = 1
	}
	for i := 3 + n; i < len(c.args); {
		switch word := c.word(i); {
		case word == "weights" && i+n < len(c.args):
			for j := range weights {
				weights[j] = c.score(i + 1 + j)
			}
			i += n + 1
		case word == "aggregate" && i+1 < len(c.args):
			aggregate = c.word(i + 1)
			i += 2
		default:
			c.fail(syntax)
		}
	}
	join := map[string]func(a, b float64) float64{
		"sum": func(a, b float64) float64 { return a + b }, "min": math.Min, "max": math.Max,
	}[aggregate]
	out := new(zset)
	for i := range n {
		z, _ := readName[zset](c, c.str(3+i))
		for _, row := range z.byScore() {
			f, there := out.scores.Get(row.member)
			switch row.score *= weights[i]; {
			case there:
				out.scores.Set(row.member, join(f, row.score))
			case i == 0 || c.name == "zunionstore":
				out.scores.Set(row.member, row.score)
			}
		}
		for _, row := range out.byScore() {
			if _, there := z.scores.Get(row.member); !there && c.name == "zinterstore" {
				out.scores.Delete(row.member)
			}
		}
	}
	c.db.put(zsetKind, c.str(1), out)
	rows := [][]string{}
	for _, row := range out.byScore() {
		rows = append(rows, []string{formatScore(row.score), row.member})
	}
	c.logsCollection(c.str(1), "zadd", rows)
	c.out.integer(int64(out.size()))
}

// formatScore prints a score as Pika does: whole numbers within 2^52 as such,
// all else as %.17g in C's spelling, with -0, inf, -inf and nan.
func formatScore(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case f == 0 && math.Signbit(f):
		return "-0"
	case math.Abs(f) < 1<<52 && f == math.Trunc(f):
		return strconv.FormatInt(int64(f), 10)
	}
	return strconv.FormatFloat(f, 'g', 17, 64)
}

// parseScore reads what C's strtod reads in full, but no hexadecimal: also inf and nan, and numbers
// beyond the range as infinite.
func parseScore(s string) (float64, bool) {
	if strings.Contains(s, "_") {
		return 0, false // Go's alone
	}
	t := strings.ToLower(s)
	if unsigned := strings.TrimLeft(t, "+-"); unsigned == "nan" && len(t)-len(unsigned) <= 1 {
		return math.NaN(), true
	}
	f, err := strconv.ParseFloat(t, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, false
	}
	return f, true
}

// score reads a score.
func (c *call) score(i int) float64 {
	f, ok := parseScore(c.str(i))
	if !ok {
		c.fail(notFloat)
	}
	return f
}
