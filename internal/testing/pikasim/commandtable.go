package pikasim

// commands is the table of a version.
func commands(v Version) map[string]*command {
	table := map[string]*command{}
	add := func(e effect, arity int, run func(*call), names ...string) {
		for _, name := range names {
			table[name] = &command{run: run, arity: arity, effect: e}
		}
	}
	add(reads, 1, ping, "ping")
	add(reads, 2, echo, "echo")
	add(reads, -2, auth, "auth")
	add(reads, 2, selectDB, "select")
	add(reads, -2, client, "client")
	add(reads, 1, timeNow, "time")
	add(alters, -2, info, "info")
	add(alters, -2, configure, "config")
	add(reads, -1, bgSave, "bgsave")
	add(alters, -3, slaveOf, "slaveof")
	add(reads, 1, dbSize, "dbsize")
	add(writes, 1, flushAll, "flushall")
	add(writes, -1, flushDB, "flushdb")
	add(writes, -2, del, "del")
	add(reads, -2, exists, "exists")
	add(reads, 2, typeOf, "type")
	add(writes, 3, expire, "expire", "pexpire", "expireat", "pexpireat")
	add(writes, 2, persist, "persist")
	add(writes, 3, patternDelete, "pkpatternmatchdel")
	add(reads, 2, ttl, "ttl", "pttl")
	add(reads, -2, scan, "scan")
	add(reads, -2, keys, "keys")
	add(reads, -3, scanx, "scanx")
	add(reads, -4, pkScanRange, "pkscanrange", "pkrscanrange")
	add(writes, -3, set, "set")
	add(writes, 4, setex, "setex", "psetex")
	add(writes, 4, pksetexat, "pksetexat")
	add(writes, 3, setnx, "setnx")
	add(writes, 3, getset, "getset")
	add(writes, 3, appendTo, "append")
	add(writes, -3, mset, "mset", "msetnx")
	add(reads, 2, get, "get")
	add(reads, -2, mget, "mget")
	add(reads, 2, strlen, "strlen")
	add(reads, 4, getrange, "getrange")
	add(writes, 2, incr, "incr", "decr")
	add(writes, 3, incr, "incrby", "decrby")
	add(writes, 3, incrbyfloat, "incrbyfloat")
	add(writes, 4, setrange, "setrange")
	add(writes, -4, bitop, "bitop")
	add(writes, 4, setbit, "setbit")
	add(reads, 3, getbit, "getbit")
	add(writes, -2, pfadd, "pfadd")
	add(reads, -2, pfcount, "pfcount")
	add(writes, -3, pfmerge, "pfmerge")
	add(writes, 4, hset, "hset")
	add(writes, -4, hmset, "hmset")
	add(writes, -3, remove[hash], "hdel")
	add(writes, 4, hsetnx, "hsetnx")
	add(writes, 4, hincrby, "hincrby")
	add(writes, 4, hincrbyfloat, "hincrbyfloat")
	add(reads, 3, hget, "hget")
	add(reads, 2, hgetall, "hgetall")
	add(reads, 2, length[hash], "hlen")
	add(reads, -3, memberScan[hash], "hscan")
	add(reads, -3, hscanx, "hscanx")
	add(reads, -4, pkhScanRange, "pkhscanrange", "pkhrscanrange")
	add(writes, -3, push, "rpush", "lpush")
	add(writes, -2, pop, "lpop", "rpop")
	add(writes, -3, pushx, "lpushx", "rpushx")
	add(writes, 5, linsert, "linsert")
	add(writes, 4, lset, "lset")
	add(writes, 4, lrem, "lrem")
	add(writes, 4, ltrim, "ltrim")
	add(writes, 3, rpoplpush, "rpoplpush")
	add(reads, 4, lrange, "lrange")
	add(reads, 2, length[list], "llen")
	add(reads, 3, lindex, "lindex")
	add(writes, -3, sadd, "sadd")
	add(writes, -3, remove[members], "srem")
	add(writes, -2, spop, "spop")
	add(writes, 4, smove, "smove")
	add(writes, -3, combineStore, "sunionstore", "sinterstore", "sdiffstore")
	add(reads, -2, combine, "sunion", "sinter", "sdiff")
	add(reads, 2, length[members], "scard")
	add(reads, 2, smembers, "smembers")
	add(reads, -3, memberScan[members], "sscan")
	add(writes, -4, zadd, "zadd")
	add(writes, -3, remove[zset], "zrem")
	add(writes, 4, zincrby, "zincrby")
	add(writes, 4, zremrangebyrank, "zremrangebyrank")
	add(writes, 4, zremrange, "zremrangebyscore", "zremrangebylex")
	add(writes, -2, zpop, "zpopmin", "zpopmax")
	add(writes, -4, zstore, "zunionstore", "zinterstore")
	add(reads, 2, length[zset], "zcard")
	add(reads, -4, zrange, "zrange")
	add(reads, -3, memberScan[zset], "zscan")
	add(writes, -5, geoadd, "geoadd")

	for _, name := range []string{"ping", "echo", "select", "info", "time", "client"} {
		table[name].harmless = true
	}
	table["auth"].open = true

	if v.old() {
		table["auth"].arity = 2
		table["lpop"].arity = 2
		table["rpop"].arity = 2
		table["spop"].arity = 2
		v.removeLater(table)
		return table
	}
	// Since 3.5; streams since 3.5.3.
	add(reads, -1, hello, "hello")
	table["hello"].open = true
	add(writes, -2, del, "unlink")
	add(reads, 1, lastSave, "lastsave")
	add(writes, -4, xadd, "xadd")
	add(writes, -3, xdel, "xdel")
	add(writes, -4, xtrim, "xtrim")
	add(reads, 2, xlen, "xlen")
	add(reads, -4, xrange, "xrange")
	add(reads, -2, xinfo, "xinfo")
	add(writes, 3, blockingPop, "blpop", "brpop")
	add(reads, 1, multi, "multi", "discard", "exec")
	if v.oneType() {
		table["pkpatternmatchdel"].arity = -2
		add(writes, -2, combine, "sunion", "sinter", "sdiff")
	} else {
		add(reads, 2, ptype, "ptype")
	}
	return table
}

// removeLater removes the commands that came after a version.
func (v Version) removeLater(table map[string]*command) {
	remove := func(names ...string) {
		for _, name := range names {
			delete(table, name)
		}
	}
	switch v {
	case V236:
		remove("psetex")
		fallthrough
	case V302:
		remove("scanx", "hscanx")
		fallthrough
	case V303:
		remove("pkscanrange", "pkrscanrange", "pkhscanrange", "pkhrscanrange")
	}
}
