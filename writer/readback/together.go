package readback

import (
	"errors"

	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
)

// Small strings are read by MGET: so many at once, of so many bytes in all. An MGET answers whole
// values, whatever is asked for; if those of a pipeline have above togetherLimit bytes more than
// they should, it is given up.
const (
	togetherKeys  = 64
	togetherBytes = 64 << 10
	togetherLimit = 1 << 20
)

// together returns how many of the first questions are asked by one MGET. Not an empty string,
// which looks as if it were not there; and not in a cluster, where keys are of many nodes.
func (c *Client) together(qs []*question.Question) (n int) {
	if c.singly || c.target.IsCluster() {
		return 0
	}
	bytes := 0
	for ; n < min(len(qs), togetherKeys); n++ {
		q := qs[n]
		bytes += q.Size
		if !isText(q.Kind) || !isWhole(q) || q.Size == 0 || bytes > togetherBytes {
			break
		}
	}
	return n
}

// askTogether adds the commands of n questions from i on: their values, then the expiry of each.
func (c *Client) askTogether(qs []*question.Question, i, n int) {
	if c.limit == 0 {
		c.limit = togetherLimit
		for _, q := range qs {
			c.limit += int64(q.Size)
		}
	}
	keys := make([][]byte, 0, togetherKeys)
	for _, q := range qs[i : i+n] {
		keys = append(keys, q.Key)
	}
	c.beginPlain("MGET", keys...)
	c.end(i, nil)
	c.calls[len(c.calls)-1].together = n
	for j := i; j < i+n; j++ {
		c.askExpiry(qs[j], j)
	}
}

// takeTogether takes the reply to MGET. It returns the questions that must be asked by themselves:
// MGET does not tell a key of another type, or a value that cannot be read, from no key. A target
// that refuses MGET, which no load needs, is not asked for it again.
func (c *Client) takeTogether(qs []*question.Question, a *call) (again []int, err error) {
	refused := a.Reply.IsError()
	if refused && errors.Is(conn.Fatal(a.Reply.Text), conn.ErrTransient) {
		return nil, c.refused(a.Name, a.Reply.Text)
	}
	if !refused && (a.Reply.Kind != '*' || len(a.Reply.List) != a.together) {
		return nil, c.refused(a.Name, a.Reply.String())
	}
	c.singly = c.singly || refused
	for j := range a.together {
		q := qs[a.question+j]
		if refused || a.Reply.List[j].Kind == 0 {
			again = append(again, a.question+j)
			continue
		}
		if err := decodeText(q, &a.Reply.List[j]); err != nil {
			return nil, c.failed(q, a, "", resp.ErrUnexpected)
		}
		// As GETRANGE would: one byte more says that there are more.
		q.Values[0] = q.Values[0][:min(len(q.Values[0]), q.Size+1)]
	}
	return again, nil
}
