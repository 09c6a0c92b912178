package pikasim

import (
	"strconv"
	"strings"
)

// effect is what a command may change.
type effect int

const (
	reads  effect = iota
	writes        // data: refused on a replica, logged in the binlog
	alters        // the server: settings and roles
)

// command is one row of the command table.
type command struct {
	run func(*call)
	// arity counts the name; below zero it is a minimum.
	arity  int
	effect effect
	// open commands run before AUTH, harmless ones for the limited user.
	open, harmless bool
}

// call is one command being answered. The server's lock is held.
type call struct {
	*session
	db   *database
	name string
	args [][]byte
	out  *reply
	now  int64 // ticks, see expiry.go
	// failed says that the answer was an error.
	failed bool
}

// fail answers an error; text has its code.
func (c *call) fail(text string) {
	c.failed = true
	c.out.error(text)
}

const (
	notInteger = "ERR value is not an integer or out of range"
	notFloat   = "ERR value is not a valid float"
	syntax     = "ERR syntax error"
	wrongType  = "WRONGTYPE Operation against a key holding the wrong kind of value"
	badRange   = "ERR Invalid argument: error in given range"
)

// str is argument i as a string.
func (c *call) str(i int) string { return string(c.args[i]) }

// word is argument i in lower case.
func (c *call) word(i int) string { return strings.ToLower(string(c.args[i])) }

// version is the release answered as.
func (c *call) version() Version { return c.server.opt.Version }

// number reads an integer as Pika does, without a plus sign. It answers the
// error itself.
func (c *call) number(i int) (int64, bool) {
	n, err := strconv.ParseInt(c.str(i), 10, 64)
	if err != nil || c.args[i][0] == '+' {
		c.fail(notInteger)
		return 0, false
	}
	return n, true
}

// options reads `name value` pairs from argument i on into the pointers given
// by name: *string, or *int64 of at least least.
func (c *call) options(i int, least int64, into map[string]any) bool {
	for ; i < len(c.args); i += 2 {
		to, known := into[c.word(i)]
		if !known || i+1 == len(c.args) {
			c.fail(syntax)
			return false
		}
		switch to := to.(type) {
		case *string:
			*to = c.str(i + 1)
		case *int64:
			n, ok := c.number(i + 1)
			if !ok {
				return false
			}
			if n < least {
				c.fail(notInteger)
				return false
			}
			*to = n
		}
	}
	return true
}

// commands is the table of a version.
func commands(v Version) map[string]*command {
	table := map[string]*command{}
	add := func(e effect, arity int, run func(*call), names ...string) {
		for _, name := range names {
			table[name] = &command{run: run, arity: arity, effect: e}
		}
	}
	addServer(add)
	addKeys(add)
	addStrings(add)
	addCollections(add)
	for _, name := range []string{"ping", "echo", "select", "info", "time", "client", "quit"} {
		table[name].harmless = true
	}
	table["auth"].open = true
	table["quit"].open = true

	if v.old() {
		table["auth"].arity = 2
		table["lpop"].arity = 2
		table["rpop"].arity = 2
		v.removeLater(table)
		return table
	}
	// Since 3.5; streams since 3.5.3.
	add(reads, -1, hello, "hello")
	table["hello"].open = true
	add(writes, -2, del, "unlink")
	add(reads, 1, lastSave, "lastsave")
	addStreams(add)
	if !v.oneType() {
		add(reads, 2, ptype, "ptype")
	}
	return table
}

// adder adds commands to a table under one or more names.
type adder func(e effect, arity int, run func(*call), names ...string)

func addServer(add adder) {
	add(reads, 1, ping, "ping")
	add(reads, 2, echo, "echo")
	add(reads, 1, quit, "quit")
	add(reads, -2, auth, "auth")
	add(reads, 2, selectDB, "select")
	add(reads, -2, client, "client")
	add(reads, 1, timeNow, "time")
	add(alters, -1, info, "info")
	add(alters, -2, configure, "config")
	add(alters, -1, bgSave, "bgsave")
	add(alters, -3, slaveOf, "slaveof")
	add(reads, 1, dbSize, "dbsize")
	add(writes, 1, flushAll, "flushall")
	add(writes, -1, flushDB, "flushdb")
}

func addKeys(add adder) {
	add(writes, -2, del, "del")
	add(reads, -2, exists, "exists")
	add(reads, 2, typeOf, "type")
	add(writes, 3, expire, "expire", "pexpire", "expireat", "pexpireat")
	add(writes, 2, persist, "persist")
	add(reads, 2, ttl, "ttl", "pttl")
	add(reads, -2, scan, "scan")
	add(reads, -2, keys, "keys")
	add(reads, -3, scanx, "scanx")
	add(reads, -4, pkScanRange, "pkscanrange", "pkrscanrange")
}

func addStrings(add adder) {
	add(writes, -3, set, "set")
	add(writes, 4, setex, "setex", "psetex")
	add(writes, 3, setnx, "setnx")
	add(writes, -3, mset, "mset")
	add(reads, 2, get, "get")
	add(reads, -2, mget, "mget")
	add(reads, 2, strlen, "strlen")
	add(reads, 4, getrange, "getrange")
	add(writes, 2, incr, "incr")
	add(writes, 4, setbit, "setbit")
	add(reads, 3, getbit, "getbit")
	add(writes, -2, pfadd, "pfadd")
	add(reads, -2, pfcount, "pfcount")
}

func addCollections(add adder) {
	add(writes, 4, hset, "hset")
	add(writes, -4, hmset, "hmset")
	add(writes, -3, hdel, "hdel")
	add(reads, 3, hget, "hget")
	add(reads, 2, hgetall, "hgetall")
	add(reads, 2, hlen, "hlen")
	add(reads, -3, hscan, "hscan")
	add(reads, -3, hscanx, "hscanx")
	add(reads, -4, pkhScanRange, "pkhscanrange", "pkhrscanrange")
	add(writes, -3, push, "rpush", "lpush")
	add(writes, -2, pop, "lpop", "rpop")
	add(reads, 4, lrange, "lrange")
	add(reads, 2, llen, "llen")
	add(reads, 3, lindex, "lindex")
	add(writes, -3, sadd, "sadd")
	add(writes, -3, srem, "srem")
	add(reads, 2, scard, "scard")
	add(reads, 2, smembers, "smembers")
	add(reads, -3, sscan, "sscan")
	add(writes, -4, zadd, "zadd")
	add(writes, -3, zrem, "zrem")
	add(reads, 2, zcard, "zcard")
	add(reads, 3, zscore, "zscore")
	add(reads, -4, zrange, "zrange")
	add(reads, -3, zscan, "zscan")
	add(writes, -5, geoadd, "geoadd")
}

func addStreams(add adder) {
	add(writes, -4, xadd, "xadd")
	add(writes, -3, xdel, "xdel")
	add(reads, 2, xlen, "xlen")
	add(reads, -4, xrange, "xrange")
	add(reads, -2, xinfo, "xinfo")
}
