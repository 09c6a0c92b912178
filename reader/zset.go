package reader

import (
	"bytes"
	"math"
	"strconv"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// zset reads by ZSCAN: ZRANGE can lose a member with score -inf (SERVERS.md P12).
type zset struct{ scanned }

func (z zset) read(p *resp.Replies, pos *position, n int, r *format.Record) (bool, error) {
	from := len(r.Elems)
	more, _ := z.scanned.read(p, pos, n, r)
	scores(p, r, from)
	return more, p.Err()
}

// scores moves the scores from between the members behind from to where a record has them.
func scores(p *resp.Replies, r *format.Record, from int) {
	pairs := r.Elems[from:]
	r.Elems = r.Elems[:from]
	for i := 0; i < len(pairs) && p.Err() == nil; i += 2 {
		score, err := parseScore(pairs[i+1])
		if err != nil {
			p.Odd("score %s", resp.Quote(pairs[i+1]))
		}
		r.Elems = append(r.Elems, pairs[i])
		r.Scores = append(r.Scores, score)
	}
}

// parseScore reads a score as Pika prints it: an integer, %.17g, inf, -inf, or nan.
func parseScore(b []byte) (float64, error) {
	if n, err := resp.ParseInt(b); err == nil && len(b) < 16 && string(b) != "-0" {
		return float64(n), nil
	}
	if string(b) == "-nan" {
		return math.NaN(), nil
	}
	return strconv.ParseFloat(string(b), 64)
}

// zsetByScore reads by the ZSCAN of 2.x, which goes by score and then by member, and whose cursor
// is how many have gone before (SERVERS.md P16).
type zsetByScore struct{ zset }

func (zsetByScore) read(p *resp.Replies, pos *position, n int, r *format.Record) (bool, error) {
	from, cursor := len(r.Elems), pos.cursor()
	more := readCursor(p, pos, n)
	r.Elems = p.Bulks(r.Elems, 2)
	scores(p, r, from)
	if p.Err() != nil {
		return false, p.Err()
	}
	had := func(score float64, member []byte) bool {
		return pos.last != nil && (score < pos.score || score == pos.score && bytes.Compare(member, pos.last) <= 0)
	}
	// When members were removed meanwhile it may begin anew: those that were had are dropped.
	out, first := from, len(r.Scores)-(len(r.Elems)-from)
	if len(r.Elems) > from && !had(r.Scores[first], r.Elems[from]) && pos.passed(cursor, n) {
		r.Elems, r.Scores = r.Elems[:from], r.Scores[:first]
		return true, nil
	}
	for i := from; i < len(r.Elems); i++ {
		score := r.Scores[first+i-from]
		if had(score, r.Elems[i]) {
			continue
		}
		r.Elems[out], r.Scores[first+out-from] = r.Elems[i], score
		out++
	}
	r.Elems, r.Scores = r.Elems[:out], r.Scores[:first+out-from]
	if more && out > from {
		pos.last, pos.score = bytes.Clone(r.Elems[out-1]), r.Scores[len(r.Scores)-1]
	}
	return more, nil
}
