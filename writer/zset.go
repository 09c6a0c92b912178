package writer

import (
	"context"
	"math"
	"strconv"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// addZset sends the members with usual scores in pieces, then those with scores that
// the server may refuse one by one: it refuses the whole ZADD for one (SERVERS.md K5).
func (q *queue) addZset(ctx context.Context, k *key, r *format.Record) error {
	for at := 0; at < len(r.Elems); {
		n, err := q.addMembers(ctx, k, r.Elems[at:], r.Scores[at:])
		if err != nil || k.out != alive {
			return err
		}
		at += n
	}
	for i, score := range r.Scores {
		if !target.Unusual(score) || q.tooLong(r.Elems[i]) {
			continue
		}
		if err := q.addUnusual(ctx, k, r.Elems[i], score); err != nil || k.out != alive {
			return err
		}
	}
	return nil
}

// addMembers sends one ZADD of members with usual scores, and returns how many
// members it has gone through.
func (q *queue) addMembers(ctx context.Context, k *key, members [][]byte, scores []float64) (int, error) {
	o := q.options
	n, size, taken := 0, 0, 0
	for ; n < len(members) && taken < o.CommandElements; n++ {
		if target.Unusual(scores[n]) || q.tooLong(members[n]) {
			continue
		}
		more := len(members[n]) + 24 + 2*argOverhead // the text of a score is shorter than 24
		if taken > 0 && size+more > o.CommandBytes {
			break
		}
		size += more
		taken++
	}
	for _, m := range members[:n] {
		q.leaveTooLong(k, "ZADD", [][]byte{m})
	}
	if taken == 0 {
		return n, nil
	}
	ok, err := q.ready(ctx, k, size+len(k.name)+2*argOverhead)
	if !ok || err != nil {
		return n, err
	}
	c := command{key: k, want: wantCount, n: int64(taken), data: true, elements: taken}
	q.batch.begin("ZADD")
	q.batch.name(k)
	for i, m := range members[:n] {
		if !target.Unusual(scores[i]) && !q.tooLong(m) {
			q.member(m, scores[i])
			c.bytes += len(m) + 8
		}
	}
	if k.queued == 0 {
		c.bytes += len(k.name)
	}
	q.batch.end(c)
	q.expireAfter(k)
	return n, nil
}

// addUnusual sends a ZADD of one member and lets the server decide.
func (q *queue) addUnusual(ctx context.Context, k *key, member []byte, score float64) error {
	ok, err := q.ready(ctx, k, len(member)+len(k.name)+4*argOverhead)
	if !ok || err != nil {
		return err
	}
	q.batch.begin("ZADD")
	q.batch.name(k)
	q.member(member, score)
	q.batch.end(command{key: k, want: wantCount, n: 1, data: true, elements: 1, bytes: len(member) + 8, member: clone(member)})
	if k.expire != 0 && !k.ttlSure {
		// It may have been refused, and then there is no key yet to expire: this is
		// repeated until a usual member has made sure of the key.
		q.pexpireat(k)
	}
	return nil
}

func (q *queue) member(member []byte, score float64) {
	q.score = appendScore(q.score[:0], score)
	q.batch.bytes(q.score)
	q.batch.bytes(member)
}

// appendScore writes score so that strtod reads the same number back.
func appendScore(dst []byte, score float64) []byte {
	switch {
	case math.IsNaN(score):
		return append(dst, "nan"...)
	case math.IsInf(score, 1):
		return append(dst, "inf"...)
	case math.IsInf(score, -1):
		return append(dst, "-inf"...)
	}
	return strconv.AppendFloat(dst, score, 'g', -1, 64)
}
