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

func (*text) kind() kind { return strKind }

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
			}
			ttl = c.timeToLive(i, word == "px")
		default:
			c.fail(syntax)
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

// timeToLive reads one in ticks.
func (c *call) timeToLive(i int, milli bool) int64 {
	ttl := c.version().ticks(c.number(i), milli)
	if ttl <= 0 {
		c.fail("ERR Invalid argument: invalid expire time")
	}
	return ttl
}

// setex is SETEX and PSETEX.
func setex(c *call) {
	ttl := c.timeToLive(2, c.name == "psetex")
	c.setText(c.str(1), c.args[3]).expire = c.deadline(ttl)
	c.out.ok()
}

func setnx(c *call) {
	_, found := read[text](c)
	if !found {
		c.setText(c.str(1), c.args[2])
	}
	c.out.flag(!found)
}

func mset(c *call) {
	if len(c.args)%2 == 0 {
		c.fail(wrongNumber(c.name))
	}
	for i := 1; i < len(c.args); i += 2 {
		c.setText(c.str(i), c.args[i+1])
	}
	c.out.ok()
}

func get(c *call) {
	if t, found := read[text](c); found {
		c.out.bulk(t.b)
	} else {
		c.out.null()
	}
}

func mget(c *call) {
	c.out.array(len(c.args) - 1)
	for i := 1; i < len(c.args); i++ {
		if t, _ := find[text](c, c.str(i)); t != nil {
			c.out.bulk(t.b)
		} else {
			c.out.null()
		}
	}
}

func strlen(c *call) {
	t, _ := read[text](c)
	c.out.integer(int64(len(t.b)))
}

func getrange(c *call) {
	start, stop := c.number(2), c.number(3)
	t, _ := read[text](c)
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
	t := edit[text](c)
	n, err := strconv.ParseInt(string(t.b), 10, 64)
	if err != nil && t.b != nil {
		c.fail(notInteger)
	}
	t.b = strconv.AppendInt(nil, n+1, 10)
	c.out.integer(n + 1)
}

// maxBit bounds SETBIT; it is 2^21 in every version.
const maxBit = 1 << 21

func setbit(c *call) {
	at := c.number(2)
	if at < 0 || at >= maxBit {
		c.fail("ERR bit offset is not an integer or out of range")
	}
	on := c.str(3)
	if on != "0" && on != "1" {
		c.fail("ERR bit is not an integer or out of range")
	}
	t := edit[text](c)
	if need := int(at/8) + 1; len(t.b) < need {
		t.b = append(t.b, make([]byte, need-len(t.b))...)
	}
	mask := byte(0x80) >> (at % 8)
	c.out.flag(t.b[at/8]&mask != 0)
	if on == "1" {
		t.b[at/8] |= mask
	} else {
		t.b[at/8] &^= mask
	}
}

func getbit(c *call) {
	at := c.number(2)
	t, _ := read[text](c)
	c.out.flag(at >= 0 && at/8 < int64(len(t.b)) && t.b[at/8]&(0x80>>(at%8)) != 0)
}
