package binlog

import (
	"bytes"
	"fmt"
	"strings"
)

// A command is one that a Pika can write to its binlog.
type command struct {
	name   string // in lower case
	naming naming
	loses  loss
}

// A naming says which arguments of a command are names: from the first to the last, one in every
// step. A last below 0 counts from the end. A first of 0: none.
type naming struct{ first, last, step int }

// A loss is why names cannot be told from a command. Its arguments are kept for the message.
type loss int

const (
	losesNothing loss = iota
	losesAll          // keys of the whole database
	losesPattern      // keys by a pattern
)

var firstName = naming{1, 1, 1}

// commands has a place for every command that a Pika can write to its binlog: those that are
// flagged as writes in pika_command.cc of 3.4.0 to 4.0.1 (the lists are in testdata), and those
// which others are logged as. What they are logged as, and what is not logged at all, is in
// SERVERS.md P19.
var commands = table([]group{
	{firstName, losesNothing, `append decr decrby delvx expire expireat geoadd getset hdel hincrby
		hincrbyfloat hmset hset hsetnx incr incrby incrbyfloat linsert lpop lpush lpushx lrem lset ltrim
		persist pexpire pexpireat pfadd pfmerge pksetexat psetex rpop rpush rpushx sadd sdiffstore set
		setbit setex setnx setrange sinterstore slotsmgrt-exec-wrapper spop srem sunionstore xadd xdel
		xtrim zadd zincrby zinterstore zpopmax zpopmin zrem zremrangebylex zremrangebyrank
		zremrangebyscore zunionstore`},
	{naming{2, 2, 1}, losesNothing, `bitop`},
	{naming{1, 2, 1}, losesNothing, `rpoplpush smove`},
	{naming{1, -1, 1}, losesNothing, `del unlink`},
	{naming{1, -1, 2}, losesNothing, `mset msetnx`},
	{naming{1, -2, 1}, losesNothing, `blpop brpop`},
	// Flagged as writes, but they write no key. MULTI is never logged.
	{naming{}, losesNothing, `clearcache clearreplicationid dummy exec multi padding sdiff sinter sunion`},
	{firstName, losesPattern, `pkpatternmatchdel`},
	{naming{}, losesAll, `flushall flushdb`},
})

// maxCommand is longer than the name of any command.
const maxCommand = 64

// A group is of commands that are alike.
type group struct {
	naming naming
	loses  loss
	names  string
}

func table(groups []group) map[string]command {
	t := map[string]command{}
	for _, g := range groups {
		for name := range strings.FieldsSeq(g.names) {
			t[name] = command{name, g.naming, g.loses}
		}
	}
	return t
}

// keeps reports whether argument i of n is kept; the command's name is number 0.
func (c *command) keeps(i, n int) bool {
	k := c.naming
	if c.loses != losesNothing {
		return i <= 2
	}
	return k.first > 0 && i >= k.first && i <= k.end(n) && (i-k.first)%k.step == 0
}

// end returns the number of the last argument that can be a name, of n.
func (k naming) end(n int) int {
	if k.last < 0 {
		return n + k.last
	}
	return k.last
}

// complete reports whether n arguments, the command's name included, are enough to have the names.
func (k naming) complete(n int) bool { return k.end(n) >= k.first && k.end(n) < n }

// find reads the name of a command of n arguments, which includes it, and looks for it in the
// table.
func (p *itemParser) find(n int) command {
	verb := p.verb[:p.length('$', maxCommand)]
	p.in.read(verb)
	for i, b := range verb {
		if 'A' <= b && b <= 'Z' { // 3.5+ logs RPOP and LPUSH of an RPOPLPUSH so
			verb[i] += 'a' - 'A'
		}
	}
	c, ok := commands[string(verb)]
	switch {
	case !ok:
		name := strings.ToValidUTF8(string(verb), "?")
		p.in.fail(&CommandError{name, p.at, fmt.Sprintf("command %q is not known, so neither are the keys that it wrote: find them by a comparison with pikadump dump --base, and report the command and the version of the source", name)})
	case c.naming != naming{} && !c.naming.complete(n):
		p.malformed("%s with %d arguments", c.name, n-1)
	}
	p.item.Command = c.name
	p.lineEnd()
	return c
}

// told returns why the item does not tell which keys it wrote; nil: it does.
func (p *itemParser) told(c command) error {
	if c.loses == losesNothing {
		return nil
	}
	command := string(bytes.Join(append([][]byte{[]byte(c.name)}, p.item.Names...), []byte(" ")))
	text := command + " deleted all keys of the database (of one type, if it names one): make a new base with pikadump dump, or compare with pikadump dump --base"
	if c.loses == losesPattern {
		text = fmt.Sprintf("%q deleted keys that the binlog does not name: find them by a comparison with pikadump dump --base", command)
	}
	return &CommandError{command, p.at, text}
}
