package writer

import (
	"context"
	"math"
	"strconv"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// queueZset sends the members with usual scores in pieces, then those with scores that
// the server may refuse one by one: it refuses the whole ZADD for one (SERVERS.md K5).
func (w *Worker) queueZset(ctx context.Context, k *key, r *format.Record) error {
	for at := 0; at < len(r.Elems); {
		n, err := w.queueMembers(ctx, k, r.Elems[at:], r.Scores[at:])
		if err != nil || k.out != alive {
			return err
		}
		at += n
	}
	for i, score := range r.Scores {
		if !unusual(score) || w.tooLong(r.Elems[i]) {
			continue
		}
		if err := w.queueUnusual(ctx, k, r.Elems[i], score); err != nil || k.out != alive {
			return err
		}
	}
	return nil
}

// queueMembers sends one ZADD of members with usual scores, and returns how many
// members it has gone through.
func (w *Worker) queueMembers(ctx context.Context, k *key, members [][]byte, scores []float64) (int, error) {
	o := &w.loader.options
	n, size, taken := 0, 0, 0
	for ; n < len(members) && taken < o.CommandElements; n++ {
		if unusual(scores[n]) {
			continue
		}
		if w.tooLong(members[n]) {
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
		w.leaveTooLong(k, "ZADD", [][]byte{m})
	}
	if taken == 0 {
		return n, nil
	}
	ok, err := w.ready(ctx, k, size+len(k.name)+2*argOverhead)
	if !ok || err != nil {
		return n, err
	}
	c := command{key: k, want: wantCount, n: int64(taken), data: true, elements: taken}
	w.batch.begin("ZADD")
	w.batch.name(k)
	for i, m := range members[:n] {
		if !unusual(scores[i]) && !w.tooLong(m) {
			w.member(m, scores[i])
			c.bytes += len(m) + 8
		}
	}
	if k.queued == 0 {
		c.bytes += len(k.name)
	}
	w.batch.end(c)
	w.expireAfter(k)
	return n, nil
}

// queueUnusual sends a ZADD of one member and lets the server decide.
func (w *Worker) queueUnusual(ctx context.Context, k *key, member []byte, score float64) error {
	ok, err := w.ready(ctx, k, len(member)+len(k.name)+4*argOverhead)
	if !ok || err != nil {
		return err
	}
	w.batch.begin("ZADD")
	w.batch.name(k)
	w.member(member, score)
	w.batch.end(command{key: k, want: wantCount, n: 1, data: true, elements: 1, bytes: len(member) + 8, member: clone(member)})
	if k.expire != 0 && !k.ttlSure {
		// It may have been refused, and then there is no key yet to expire: this is
		// repeated until a usual member has made sure of the key.
		w.pexpireat(k)
	}
	return nil
}

// member adds a score and its member.
func (w *Worker) member(member []byte, score float64) {
	w.score = appendScore(w.score[:0], score)
	w.batch.bytes(w.score)
	w.batch.bytes(member)
}

// unusual reports whether a server may refuse score.
func unusual(score float64) bool {
	const smallestNormal = 0x1p-1022
	return math.IsNaN(score) || score != 0 && math.Abs(score) < smallestNormal
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
