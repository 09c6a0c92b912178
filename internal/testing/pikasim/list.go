package pikasim

// list is elements from left to right; head of them are popped already.
type list struct {
	items [][]byte
	head  int
}

func (*list) kind() kind  { return listKind }
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
	l := edit[list](c)
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
	l, found := read[list](c)
	switch {
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
	start, stop := c.number(2), c.number(3)
	l, _ := read[list](c)
	from, to := span(start, stop, l.size())
	c.out.bulks(l.all()[from:to])
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
	return &l.all()[n]
}
