package pikasim

import (
	"strconv"
)

// text is the value of a string, a bitmap or a HyperLogLog.
type text struct {
	b []byte
	// registers marks a HyperLogLog, which only 4.0 does.
	registers bool
}

// size is 1: an empty string is there.
func (*text) size() int { return 1 }

// setText replaces a string whatever it was; on 4.0 a name of another type too.
func (c *call) setText(name string, b []byte) *record {
	return c.db.put(strKind, name, &text{b: b})
}

func set(c *call) {
	name, condition, ttl := c.str(1), "", int64(0)
	for i := 3; i < len(c.args); i++ {
		switch word := c.word(i); word {
		case "nx", "xx":
			condition = word
		case "ex", "px":
			if i++; i == len(c.args) {
				c.fail(syntax)
				return
			}
			n, ok := c.number(i)
			if !ok {
				return
			}
			if ttl = c.version().ticks(n, word == "px"); ttl <= 0 {
				c.fail("ERR Invalid argument: invalid expire time")
				return
			}
		default:
			c.fail(syntax)
			return
		}
	}
	there := c.db.live(strKind, name, c.now) != nil
	if condition == "nx" && there || condition == "xx" && !there {
		c.out.null()
		return
	}
	r := c.setText(name, c.args[2])
	if ttl > 0 {
		r.expire = c.deadline(ttl)
	}
	c.out.ok()
}

// setex is SETEX and PSETEX.
func setex(c *call) {
	n, ok := c.number(2)
	if !ok {
		return
	}
	ttl := c.version().ticks(n, c.name == "psetex")
	if ttl <= 0 {
		c.fail("ERR Invalid argument: invalid expire time")
		return
	}
	c.setText(c.str(1), c.args[3]).expire = c.deadline(ttl)
	c.out.ok()
}

func setnx(c *call) {
	_, found, ok := read[*text](c, strKind, c.str(1))
	switch {
	case !ok:
	case found:
		c.out.integer(0)
	default:
		c.setText(c.str(1), c.args[2])
		c.out.integer(1)
	}
}

func mset(c *call) {
	if len(c.args)%2 == 0 {
		c.fail(wrongNumber(c.name))
		return
	}
	for i := 1; i < len(c.args); i += 2 {
		c.setText(c.str(i), c.args[i+1])
	}
	c.out.ok()
}

func get(c *call) {
	t, found, ok := read[*text](c, strKind, c.str(1))
	switch {
	case !ok:
	case !found:
		c.out.null()
	default:
		c.out.bulk(t.b)
	}
}

func mget(c *call) {
	c.out.array(len(c.args) - 1)
	for i := 1; i < len(c.args); i++ {
		if t, found, _ := find[*text](c, strKind, c.str(i)); found {
			c.out.bulk(t.b)
		} else {
			c.out.null()
		}
	}
}

func strlen(c *call) {
	t, found, ok := read[*text](c, strKind, c.str(1))
	switch {
	case !ok:
	case !found:
		c.out.integer(0)
	default:
		c.out.integer(int64(len(t.b)))
	}
}

func getrange(c *call) {
	start, ok1 := c.number(2)
	if !ok1 {
		return
	}
	stop, ok2 := c.number(3)
	if !ok2 {
		return
	}
	t, found, ok := read[*text](c, strKind, c.str(1))
	if !ok {
		return
	}
	if !found {
		c.out.text("")
		return
	}
	from, to := span(start, stop, len(t.b))
	c.out.bulk(t.b[from:to])
}

// span makes of Redis' inclusive, perhaps negative bounds a slice's.
func span(start, stop int64, length int) (from, to int) {
	n := int64(length)
	if start < 0 {
		start = max(start+n, 0)
	}
	if stop < 0 {
		stop += n
	}
	stop = min(stop, n-1)
	if start > stop {
		return 0, 0
	}
	return int(start), int(stop + 1)
}

func incr(c *call) {
	t, ok := edit(c, strKind, c.str(1), func() *text { return &text{b: []byte("0")} })
	if !ok {
		return
	}
	n, err := strconv.ParseInt(string(t.b), 10, 64)
	if err != nil {
		c.fail(notInteger)
		return
	}
	t.b = strconv.AppendInt(nil, n+1, 10)
	c.out.integer(n + 1)
}

// maxBit bounds SETBIT; it is 2^21 in every version.
const maxBit = 1 << 21

func setbit(c *call) {
	at, ok := c.number(2)
	if !ok || at < 0 || at >= maxBit {
		if ok {
			c.fail("ERR bit offset is not an integer or out of range")
		}
		return
	}
	on := c.str(3)
	if on != "0" && on != "1" {
		c.fail("ERR bit is not an integer or out of range")
		return
	}
	t, ok := edit(c, strKind, c.str(1), func() *text { return &text{} })
	if !ok {
		return
	}
	if need := int(at/8) + 1; len(t.b) < need {
		t.b = append(t.b, make([]byte, need-len(t.b))...)
	}
	mask := byte(0x80) >> (at % 8)
	old := int64(0)
	if t.b[at/8]&mask != 0 {
		old = 1
	}
	if on == "1" {
		t.b[at/8] |= mask
	} else {
		t.b[at/8] &^= mask
	}
	c.out.integer(old)
}

func getbit(c *call) {
	at, ok := c.number(2)
	if !ok {
		return
	}
	t, found, ok := read[*text](c, strKind, c.str(1))
	if !ok {
		return
	}
	if found && at >= 0 && at/8 < int64(len(t.b)) && t.b[at/8]&(0x80>>(at%8)) != 0 {
		c.out.integer(1)
		return
	}
	c.out.integer(0)
}
