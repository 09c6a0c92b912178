package pikasim

import (
	"bytes"
	"slices"
)

// list is elements from left to right.
type list struct{ items [][]byte }

func (*list) kind() kind  { return listKind }
func (l *list) size() int { return len(l.items) }

func (l *list) popLeft() []byte {
	b := l.items[0]
	l.items = l.items[1:]
	return b
}

func (l *list) popRight() []byte {
	last := len(l.items) - 1
	b := l.items[last]
	l.items = l.items[:last]
	return b
}

// push is RPUSH and LPUSH.
func push(c *call) {
	l, more := edit[list](c), slices.Clone(c.args[2:]) // the binlog has them as they came
	if c.name == "lpush" {
		slices.Reverse(more)
		l.items = slices.Insert(l.items, 0, more...)
	} else {
		l.items = append(l.items, more...)
	}
	c.out.integer(int64(l.size()))
}

// pop is LPOP and RPOP of one element.
func pop(c *call) {
	l, found := read[list](c)
	switch {
	case !found:
		c.out.null()
	case c.name == "lpop":
		c.out.bulk(l.popLeft())
	default:
		c.out.bulk(l.popRight())
	}
}

func lrange(c *call) {
	start, stop := c.number(2), c.number(3)
	l, _ := read[list](c)
	from, to := span(start, stop, l.size())
	c.out.bulks(l.items[from:to])
}

func lindex(c *call) {
	n := c.number(2)
	l, _ := read[list](c)
	if at := l.element(n); at != nil {
		c.out.bulk(*at)
		return
	}
	c.out.null()
}

// element is the n-th from the left, below zero from the right; nil: there is none.
func (l *list) element(n int64) *[]byte {
	if n < 0 {
		n += int64(l.size())
	}
	if n < 0 || n >= int64(l.size()) {
		return nil
	}
	return &l.items[n]
}

// pushx is LPUSHX and RPUSHX.
func pushx(c *call) {
	if _, found := read[list](c); !found {
		c.out.integer(0)
		return
	}
	c.name = c.name[:len("lpush")]
	push(c)
}

func linsert(c *call) {
	where := c.word(2)
	if where != "before" && where != "after" {
		c.fail(syntax)
	}
	l, found := read[list](c)
	if !found {
		c.out.integer(0)
		return
	}
	at := slices.IndexFunc(l.items, func(b []byte) bool { return bytes.Equal(b, c.args[3]) })
	if at < 0 {
		c.out.integer(-1)
		return
	}
	if where == "after" {
		at++
	}
	l.items = slices.Insert(l.items, at, c.args[4])
	c.out.integer(int64(l.size()))
}

func lset(c *call) {
	n := c.number(2)
	l, found := read[list](c)
	if !found {
		c.fail("ERR no such key")
	}
	at := l.element(n)
	if at == nil {
		c.fail("ERR index out of range")
	}
	*at = c.args[3]
	c.out.ok()
}

// lrem removes up to count equal elements from the left, below zero from the right; 0 is all.
func lrem(c *call) {
	count := c.number(2)
	l, _ := read[list](c)
	right := count < 0
	if right {
		count = -count
		slices.Reverse(l.items)
	}
	var n int64
	l.items = slices.DeleteFunc(l.items, func(b []byte) bool {
		hit := bytes.Equal(b, c.args[3]) && (count == 0 || n < count)
		if hit {
			n++
		}
		return hit
	})
	if right {
		slices.Reverse(l.items)
	}
	c.out.integer(n)
}

func ltrim(c *call) {
	start, stop := c.number(2), c.number(3)
	l, _ := read[list](c)
	from, to := span(start, stop, l.size())
	l.items = slices.Clone(l.items[from:to])
	c.out.ok()
}

// rpoplpush is logged in two halves since 3.5.
func rpoplpush(c *call) {
	from, found := read[list](c)
	readName[list](c, c.str(2)) // fails if it is of another type
	if !found {
		c.logsNew()
		c.out.null()
		return
	}
	b := from.popRight()
	to := editName[list](c, c.str(2))
	to.items = slices.Insert(to.items, 0, b)
	c.logsNew(words("RPOP", c.str(1)), words("LPUSH", c.str(2), string(b)))
	c.out.bulk(b)
}

// blockingPop is BLPOP and BRPOP key timeout, of a list that is there: it does not wait here.
func blockingPop(c *call) {
	l, _ := read[list](c)
	pop := map[string]func() []byte{"lpop": l.popLeft, "rpop": l.popRight}
	word := c.name[1:]
	c.logs(words(word, c.str(1)))
	c.out.list(c.args[1], pop[word]())
}
