package readback

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
)

// Ask fills in what the target holds of what is asked, in one pipeline. What is not as it was asked
// for may cost another: a key of another type, a small collection with other elements on a Kvrocks.
// It sends only what every target knows, and nothing that goes wrong on one of them (SERVERS.md
// K13): members are asked for by name, unless one page of a scan is the whole of a key. An error is
// of the connection, or of a reply that no target gives.
func (c *Client) Ask(ctx context.Context, qs []*question.Question) error {
	err := c.askIn(ctx, qs)
	if errors.Is(err, resp.ErrTooLarge) && !c.singly {
		// Values are far longer than was asked for: only GETRANGE bounds them.
		c.singly = true
		err = c.askIn(ctx, qs)
		c.singly = false
	}
	return err
}

func (c *Client) askIn(ctx context.Context, qs []*question.Question) error {
	return c.repeat(ctx, func() error {
		for _, q := range qs {
			q.Clear() // what an attempt before has filled in
		}
		left, cuts, err := c.cut(ctx, qs)
		if err != nil {
			return err
		}
		err = c.askAll(ctx, left)
		for i := range cuts {
			cuts[i].restore()
		}
		return err
	})
}

func (c *Client) askAll(ctx context.Context, qs []*question.Question) error {
	c.reset()
	if c.watches {
		c.watch(qs)
	}
	byTTL := !c.target.TellsExpiry()
	if byTTL {
		c.addTime()
	}
	defer func() { c.limit = 0 }()
	for i := 0; i < len(qs); {
		n := c.together(qs[i:])
		if n > 0 {
			c.askTogether(qs, i, n)
		} else {
			c.ask(qs[i], i)
		}
		i += max(1, n)
	}
	if byTTL {
		c.addTime()
	}
	wrong := map[int]bool{}
	again, err := c.answers(ctx, qs, wrong)
	if err != nil {
		return err
	}
	if byTTL {
		if err := c.fromTTL(qs); err != nil {
			return err
		}
	}
	c.limit = 0
	c.reset()
	for _, i := range again {
		if q := qs[i]; q.Type == "" && !wrong[i] {
			c.askElements(q, i)
			c.askExpiry(q, i)
		}
	}
	if _, err := c.answers(ctx, qs, wrong); err != nil {
		return err
	}
	return c.types(ctx, qs, wrong)
}

// answers sends what has been added, and fills it in. It notes the questions whose keys are of
// another type, and returns those that must be asked otherwise.
func (c *Client) answers(ctx context.Context, qs []*question.Question, wrong map[int]bool) (again []int, err error) {
	if err := c.exec(ctx); err != nil {
		return nil, err
	}
	for i := range c.calls {
		a := &c.calls[i]
		if a.question < 0 {
			if a.decode != nil && a.decode(nil, &a.Reply) != nil {
				return nil, c.refused(a.Name, a.Reply.String())
			}
			continue
		}
		if a.together > 0 {
			missed, err := c.takeTogether(qs, a)
			if err != nil {
				return nil, err
			}
			again = append(again, missed...)
			continue
		}
		q := qs[a.question]
		if a.Reply.IsError() {
			switch reply := a.Reply.Text; {
			case strings.Contains(reply, "WRONGTYPE"):
				wrong[a.question] = true
			case a.Name == "XINFO" && strings.Contains(reply, "no such key"):
				// If it is so, its expiry says it too (SERVERS.md K11).
				q.Changed = "the server does not find its first or last entry any more"
			default:
				return nil, c.failed(q, a, reply, nil)
			}
			continue
		}
		if err := a.decode(q, &a.Reply); errors.Is(err, errOtherNames) {
			again = append(again, a.question)
		} else if err != nil {
			return nil, c.failed(q, a, "", err)
		}
	}
	return again, nil
}

// types asks for the types of keys that are of another one.
func (c *Client) types(ctx context.Context, qs []*question.Question, wrong map[int]bool) error {
	if len(wrong) == 0 {
		return nil
	}
	c.reset()
	for i := range wrong {
		c.add(i, nil, "TYPE", qs[i].Key)
	}
	if err := c.exec(ctx); err != nil {
		return err
	}
	for i := range c.calls {
		a := &c.calls[i]
		if a.Reply.Kind != '+' && a.Reply.Kind != '$' {
			return c.failed(qs[a.question], a, a.Reply.String(), nil)
		}
		q := qs[a.question]
		if q.Type = a.Reply.Text; q.Type == string(q.Kind.Type()) {
			q.Type, q.Changed = "", "it was of another type while it was read"
		}
	}
	return nil
}

// failed is the error for what concerns one question: a reply, or err.
func (c *Client) failed(q *question.Question, a *call, reply string, err error) error {
	if err == nil {
		err = resp.ErrUnexpected
		if advice := conn.Fatal(reply); errors.Is(advice, conn.ErrAuth) || errors.Is(advice, conn.ErrTransient) {
			err = advice
		}
	}
	e := c.failure(a.Name, reply, err)
	e.Key = append([]byte{}, q.Key...)
	return e
}

// fromTTL makes times of what PTTL answered. Those targets store seconds.
func (c *Client) fromTTL(qs []*question.Question) error {
	now, err := c.now()
	if err != nil {
		return err
	}
	for _, q := range qs {
		if (q.Head || q.Tail) && q.Type == "" && q.Expire > 0 {
			q.Expire = roundedExpiry(now, q.Expire)
		}
	}
	return nil
}

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
		if q.Kind.Type() != format.TypeString || !isWhole(q) || q.Size == 0 || bytes > togetherBytes {
			break
		}
	}
	return n
}

// askTogether adds the commands of n questions from i on: their values, then the expiries.
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
		if !qs[j].Spare {
			c.askExpiry(qs[j], j)
		}
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

// A cutQuestion is one of which some elements are not asked for: they cannot be sent, and so are
// not there.
type cutQuestion struct {
	*question.Question
	elems  [][]byte
	unsent []int // places in elems
}

// cut asks for the empty element in the place of those that cannot be sent, and returns the
// questions whose keys can be asked for.
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
			if one.unsent == nil {
				p.Elems, p.Unasked = slices.Clone(members), t.LimitText("element", len(m))
			}
			p.Elems[i], one.unsent = nil, append(one.unsent, i)
		}
		if one.unsent != nil {
			cuts = append(cuts, one)
		}
	}
	return left, cuts, nil
}

// restore puts back what was taken out, as not found.
func (c *cutQuestion) restore() {
	c.Elems = c.elems
	for _, i := range c.unsent {
		if i < len(c.Found) { // else the key is of another type, or gone
			c.Found[i] = false
		}
		if i < len(c.Values) {
			c.Values[i] = ""
		}
		if i < len(c.Scores) {
			c.Scores[i] = 0
		}
	}
}
