package pikasim

import (
	"math"
	"strings"
)

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
	if n < 1 || 3+n > len(c.args) {
		c.fail(syntax)
	}
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
	if join == nil {
		c.fail(syntax)
	}
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
