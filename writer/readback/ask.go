package readback

import (
	"context"
	"errors"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/resp"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
)

// Ask fills in what the target holds of what is asked, in one pipeline. What is not as it was asked
// for may cost another: a key of another type, a small collection with other elements on a Kvrocks.
// It sends only what every target knows, and nothing that goes wrong on one of them (SERVERS.md
// K13): members are asked for by name, unless one page of a scan is the whole of a key. An error is
// of the connection, or of a reply that no target gives.
func (c *Client) Ask(ctx context.Context, qs []*question.Question) error {
	err := c.askIn(ctx, qs)
	if errors.Is(err, resp.ErrLarger) && !c.singly {
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
		if q.Type = a.Reply.Text; q.Type == typeName(q.Kind) {
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
