package readback

import (
	"context"
	"errors"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
)

// A cutQuestion is one of which some elements are not asked for: they cannot be sent, and so are
// not there.
type cutQuestion struct {
	*question.Question
	elems [][]byte
	sent  []bool // which of elems are
}

// cut takes out of questions what cannot be sent, and returns those that are left to be asked for.
func (c *Client) cut(ctx context.Context, qs []*question.Question) (left []*question.Question, cuts []cutQuestion, err error) {
	t := c.target
	for _, p := range qs {
		members := p.Elems
		if p.Kind == format.List {
			members = nil // they are asked for by place
		}
		if err := errors.Join(t.Learn(ctx, p.Key), t.Learn(ctx, members...)); err != nil {
			return nil, nil, err
		}
		if !t.Takes(len(p.Key)) {
			p.Type, p.Unasked = question.TypeNone, t.LimitText("name", len(p.Key))
			continue
		}
		left = append(left, p)
		one := cutQuestion{Question: p, elems: p.Elems}
		for i, m := range members {
			if t.Takes(len(m)) {
				continue
			}
			if one.sent == nil {
				p.Elems = slices.Clone(p.Elems[:i])
				one.sent = slices.Repeat([]bool{true}, len(members))
				p.Unasked = t.LimitText("element", len(m))
			}
			one.sent[i] = false
		}
		if one.sent == nil {
			continue
		}
		for i := len(p.Elems); i < len(members); i++ {
			if one.sent[i] {
				p.Elems = append(p.Elems, members[i])
			}
		}
		cuts = append(cuts, one)
	}
	return left, cuts, nil
}

// restore puts back what was taken out, as not found.
func (c *cutQuestion) restore() {
	n := len(c.Elems)
	c.Elems = c.elems
	c.Values, c.Found, c.Scores = spread(c.Values, n, c.sent), spread(c.Found, n, c.sent), spread(c.Scores, n, c.sent)
}

// spread makes the n answers to what was sent as many as there are elements. Without answers it
// makes none.
func spread[T any](answers []T, n int, sent []bool) []T {
	if len(answers) != n {
		return answers
	}
	all := make([]T, len(sent))
	for i := range sent {
		if sent[i] {
			all[i], answers = answers[0], answers[1:]
		}
	}
	return all
}
