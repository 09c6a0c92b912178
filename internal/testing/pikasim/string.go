package pikasim

import (
	"math"
	"slices"
	"strconv"
	"strings"
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
			i++
			ttl = c.timeToLive(i, word == "px")
		default:
			c.fail(syntax)
		}
	}
	there := c.db.live(strKind, name, c.now) != nil
	if condition == "nx" && there || condition == "xx" && !there {
		if c.version().old() {
			c.out.array(-1)
		} else {
			c.out.null()
		}
		return
	}
	r := c.setText(name, c.args[2])
	if ttl > 0 {
		r.expire = c.deadline(ttl)
	}
	if ttl > 0 && condition == "" {
		c.logsValue(name, c.inSeconds(r.expire), c.args[2])
	}
	c.out.ok()
}

// timeToLive reads one in ticks.
func (c *call) timeToLive(i int, milli bool) int64 { return c.version().ticks(c.number(i), milli) }

// setex is SETEX and PSETEX.
func setex(c *call) {
	ttl := c.timeToLive(2, c.name == "psetex")
	r := c.setText(c.str(1), c.args[3])
	r.expire = c.deadline(ttl)
	at := c.inSeconds(r.expire)
	if c.version() == V401 && c.name == "psetex" {
		at = r.expire // in milliseconds, in the same command
	}
	c.logsValue(c.str(1), at, c.args[3])
	c.out.ok()
}

func setnx(c *call) {
	_, found := read[text](c)
	if !found {
		c.setText(c.str(1), c.args[2])
	}
	c.logs(words("setnx", c.str(1), c.str(2))) // also if it did nothing
	c.out.flag(!found)
}

// mset is MSET, and MSETNX, which sets all names or none. ≤3.4 log it as it was sent, later ones
// each name by itself.
func mset(c *call) {
	for i := 1; i < len(c.args) && c.name == "msetnx"; i += 2 {
		if t, _ := find[text](c, c.str(i)); t != nil {
			c.logsNew()
			c.out.integer(0)
			return
		}
	}
	for i := 1; i < len(c.args); i += 2 {
		c.setText(c.str(i), c.args[i+1])
		c.logsNew(words("set", c.str(i), c.str(i+1)))
	}
	if c.name == "mset" {
		c.out.ok()
	} else {
		c.out.integer(1)
	}
}

func getset(c *call) {
	t, found := read[text](c)
	c.setText(c.str(1), c.args[2])
	c.out.bulkOrNull(t.b, found)
}

// inSeconds makes seconds of ticks.
func (c *call) inSeconds(ticks int64) int64 { return ticks / c.version().perSecond() }

// logsChanged logs a string that was changed in place: since 3.5 as a whole. The value is that of
// before for APPEND to a new name, and the expiry is 0 but on 4.0.1.
func (c *call) logsChanged(b []byte) {
	if c.version().old() {
		return
	}
	at := int64(0)
	if r := c.db.record(strKind, c.str(1)); r != nil && c.version() == V401 {
		at = c.inSeconds(r.expire)
	}
	c.logsValue(c.str(1), at, b)
}

func appendTo(c *call) {
	before, found := read[text](c)
	b := append(slices.Clone(before.b), c.args[2]...)
	edit[text](c).b = b
	if !found {
		c.logsChanged(nil)
	} else {
		c.logsChanged(b)
	}
	c.out.integer(int64(len(b)))
}

func get(c *call) {
	t, found := read[text](c)
	c.out.bulkOrNull(t.b, found)
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

// incr is INCR, INCRBY, DECR and DECRBY, of which ≥3.5 log the first two as a value.
func incr(c *call) {
	by, down := int64(1), c.name[0] == 'd'
	if len(c.args) == 3 {
		by = c.number(2)
	}
	if down {
		by = -by
	}
	n := c.sum(textOr(c, "0"), by)
	b := strconv.AppendInt(nil, n, 10)
	edit[text](c).b = b
	if !down {
		c.logsChanged(b)
	}
	c.out.integer(n)
}

// textOr is the string of the call's key, or what it is without one.
func textOr(c *call, without string) string {
	if t, found := read[text](c); found {
		return string(t.b)
	}
	return without
}

// sum adds to a number that is kept as text.
func (c *call) sum(old string, by int64) int64 {
	n, err := strconv.ParseInt(old, 10, 64)
	if err != nil {
		c.fail(notInteger)
	}
	if by > 0 && n > math.MaxInt64-by || by < 0 && n < math.MinInt64-by {
		c.fail("ERR increment or decrement would overflow")
	}
	return n + by
}

// sumFloat does so for numbers with a fraction.
func (c *call) sumFloat(old string, by int) string {
	a, ok := parseScore(old)
	if !ok {
		c.fail(notFloat)
	}
	return strconv.FormatFloat(a+c.score(by), 'f', -1, 64)
}

func incrbyfloat(c *call) {
	b := c.sumFloat(textOr(c, "0"), 2)
	edit[text](c).b = []byte(b)
	c.logsChanged([]byte(b))
	c.out.text(b)
}

func setrange(c *call) {
	at := c.number(2)
	if at < 0 && c.version().oneType() {
		c.fail(wrongType)
	} else if at < 0 {
		c.fail("ERR Invalid argument: offset < 0")
	}
	before, _ := read[text](c)
	b := padded(before.b, int(at)+len(c.args[3]))
	copy(b[at:], c.args[3])
	c.overwrite(b)
	c.out.integer(int64(len(b)))
}

// padded is a copy of b that has n bytes at the least.
func padded(b []byte, n int) []byte {
	return append(slices.Clone(b), make([]byte, max(0, n-len(b)))...)
}

// overwrite changes a string in place, of which ≤3.4 forget the expiry.
func (c *call) overwrite(b []byte) {
	if c.version().old() {
		c.setText(c.str(1), b)
	} else {
		edit[text](c).b = b
	}
}

// bitop is BITOP and|or|xor|not to from ..., from strings that end in zeros for it.
func bitop(c *call) {
	word := c.word(1)
	if !slices.Contains([]string{"and", "or", "xor", "not"}, word) {
		c.fail(syntax)
	}
	var out []byte
	for i, name := range c.args[3:] {
		t, _ := readName[text](c, string(name))
		out = padded(out, len(t.b))
		from := padded(t.b, len(out))
		for j := range out {
			b := from[j]
			switch {
			case word == "not":
				out[j] = ^b
			case i == 0 || word == "or":
				out[j] |= b
			case word == "and":
				out[j] &= b
			case word == "xor":
				out[j] ^= b
			}
		}
	}
	to := c.str(2)
	if c.version().old() {
		to, _, _ = strings.Cut(to, "\x00") // and logs all of it
	}
	c.setText(to, out)
	c.logsNew(words("set", to, string(out)))
	c.out.integer(int64(len(out)))
}

// pksetexat is SETEX until a second; 0 is for ever.
func pksetexat(c *call) {
	at, err := strconv.ParseInt(c.str(2), 10, 32)
	if err != nil {
		c.fail(notInteger)
	}
	c.setText(c.str(1), c.args[3]).expire = c.version().ticks(at, false)
	c.out.ok()
}

func setbit(c *call) {
	at := c.number(2)
	before, _ := read[text](c)
	b := padded(before.b, int(at/8)+1)
	mask := byte(0x80) >> (at % 8)
	c.out.flag(b[at/8]&mask != 0)
	if c.str(3) == "1" {
		b[at/8] |= mask
	} else {
		b[at/8] &^= mask
	}
	c.overwrite(b)
}

func getbit(c *call) {
	at := c.number(2)
	t, _ := read[text](c)
	c.out.flag(at >= 0 && at/8 < int64(len(t.b)) && t.b[at/8]&(0x80>>(at%8)) != 0)
}
