package pikasim

// list is elements from left to right; head of them are popped already.
type list struct {
	items [][]byte
	head  int
}

func newList() *list      { return new(list) }
func (l *list) size() int { return len(l.items) - l.head }

func (l *list) all() [][]byte { return l.items[l.head:] }

func (l *list) pushLeft(b []byte) {
	if l.head == 0 {
		room := max(16, len(l.items)) // so that pushing costs O(1) on average
		l.items = append(make([][]byte, room, room+len(l.items)), l.items...)
		l.head = room
	}
	l.head--
	l.items[l.head] = b
}

func (l *list) popLeft() []byte {
	b := l.items[l.head]
	l.items[l.head] = nil
	l.head++
	return b
}

func (l *list) popRight() []byte {
	last := len(l.items) - 1
	b := l.items[last]
	l.items[last] = nil
	l.items = l.items[:last]
	return b
}

// push is RPUSH and LPUSH.
func push(c *call) {
	l, ok := edit(c, listKind, c.str(1), newList)
	if !ok {
		return
	}
	for _, b := range c.args[2:] {
		if c.name == "lpush" {
			l.pushLeft(b)
		} else {
			l.items = append(l.items, b)
		}
	}
	c.out.integer(int64(l.size()))
}

// pop is LPOP and RPOP of one element.
func pop(c *call) {
	l, found, ok := read[*list](c, listKind, c.str(1))
	switch {
	case !ok:
	case len(c.args) > 2:
		c.fail(syntax)
	case !found:
		c.out.null()
	case c.name == "lpop":
		c.out.bulk(l.popLeft())
	default:
		c.out.bulk(l.popRight())
	}
}

func lrange(c *call) {
	start, ok := c.number(2)
	if !ok {
		return
	}
	stop, ok := c.number(3)
	if !ok {
		return
	}
	l, found, ok := read[*list](c, listKind, c.str(1))
	if !ok {
		return
	}
	if !found {
		c.out.array(0)
		return
	}
	from, to := span(start, stop, l.size())
	c.out.array(to - from)
	for _, b := range l.all()[from:to] {
		c.out.bulk(b)
	}
}

func llen(c *call) {
	l, found, ok := read[*list](c, listKind, c.str(1))
	switch {
	case !ok:
	case !found:
		c.out.integer(0)
	default:
		c.out.integer(int64(l.size()))
	}
}

func lindex(c *call) {
	at, ok := c.number(2)
	if !ok {
		return
	}
	l, found, ok := read[*list](c, listKind, c.str(1))
	if !ok {
		return
	}
	if found && at < 0 {
		at += int64(l.size())
	}
	if !found || at < 0 || at >= int64(l.size()) {
		c.out.null()
		return
	}
	c.out.bulk(l.all()[at])
}
