package pikasim

import (
	"math"
	"strconv"
	"strings"
)

// Expiry is kept in ticks since 1970: milliseconds on 4.0.1, seconds before,
// which is what each version stores.

// deadline is now plus a time to live, as stored: ≤3.5 keep 32 bits, and what
// overflows them in 2038 is in the past.
func (c *call) deadline(ttl int64) int64 { return c.narrow(c.now + ttl) }

func (c *call) narrow(at int64) int64 {
	if c.version().oneType() {
		return at
	}
	return int64(int32(at))
}

// expire is EXPIRE, PEXPIRE, EXPIREAT and PEXPIREAT.
func expire(c *call) {
	n := c.number(2)
	v, name := c.version(), c.str(1)
	milli, absolute := c.name[0] == 'p', strings.HasSuffix(c.name, "at")
	asked := v.ticks(n, milli)
	at := asked
	switch {
	case !absolute:
		at = 0
		if asked > 0 {
			asked += c.now
			at = c.narrow(asked)
		}
	case v == V401 && milli:
		// 4.0.1 casts the milliseconds to 32 bits: the key is lost,
		// while the cache keeps what was asked for.
		at = int64(int32(n))
	default:
		at = c.narrow(at)
	}
	switch { // also if there is no such name
	case milli && v == V401 && !absolute:
		c.logs(words("pexpireat", name, strconv.FormatInt(c.now+n, 10)))
	case milli && v == V401: // as it was sent
	case !absolute:
		c.logs(words("expireat", name, strconv.FormatInt(c.inSeconds(c.now+v.ticks(n, milli)), 10)))
	case milli:
		c.logs(words("expireat", name, strconv.FormatInt(n/1000, 10)))
	}
	var hit int64
	for k := range streamKind {
		r := c.db.live(k, name, c.now)
		if r == nil {
			continue
		}
		hit++
		if at > 0 {
			r.expire = at
		} else {
			c.db.remove(k, name)
		}
	}
	if hit > 0 && at < c.now && asked >= c.now && c.server.config.caching() {
		c.db.cached[name] = asked / v.perSecond()
	}
	c.out.integer(hit)
}

func persist(c *call) {
	var hit int64
	for k := range streamKind {
		if r := c.db.live(k, c.str(1), c.now); r != nil && r.expire != 0 {
			r.expire = 0
			hit++
		}
	}
	c.out.integer(hit)
}

// ttl is TTL and PTTL. With several types of a name the first one counts.
func ttl(c *call) {
	name, milli := c.str(1), c.name == "pttl"
	v := c.version()
	if at, ok := c.db.cached[name]; ok && (v == V355 || v.oneType() && !milli) {
		left := at - c.now/v.perSecond()
		if milli {
			left *= 1000
		}
		c.out.integer(left)
		return
	}
	left := c.remaining(name, milli)
	switch {
	case left < 0:
	case milli && !v.oneType():
		left *= 1000
	case !milli && v == V401:
		left /= 1000
	}
	c.out.integer(left)
}

// ttlOrder is the order in which TTL, or PTTL, takes the types of a name.
func (v Version) ttlOrder(milli bool) []kind {
	switch {
	case v == V236:
		return []kind{strKind, hashKind, zsetKind, setKind, listKind}
	case milli || v.early():
		return []kind{strKind, hashKind, listKind, setKind, zsetKind}
	}
	return []kind{strKind, hashKind, listKind, zsetKind, setKind}
}

// remaining is what is left of a name in ticks, -1 for ever, -2 for none. On
// 4.0 a name that never was, and a stream, give 0.
func (c *call) remaining(name string, milli bool) int64 {
	known := false
	for _, k := range c.version().ttlOrder(milli) {
		r := c.db.record(k, name)
		known = known || r != nil
		switch {
		case r == nil || !r.alive(c.now):
		case r.expire == 0:
			return -1
		default:
			if c.version() == V401 {
				return r.expire - c.now
			}
			return min(r.expire-c.now, math.MaxInt64/1000)
		}
	}
	if c.version().oneType() && !known {
		return 0
	}
	return -2
}
