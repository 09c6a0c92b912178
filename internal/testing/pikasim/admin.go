package pikasim

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/redcon"
)

func ping(c *call) { c.out.status("PONG") }
func echo(c *call) { c.out.bulk(c.args[1]) }

// selectDB is SELECT.
func selectDB(c *call) {
	n, err := strconv.Atoi(c.str(1))
	switch {
	case err == nil && c.version().early() && n >= 0 && n < 16:
		c.out.ok() // and it means nothing
	case err != nil || strconv.Itoa(n) != c.str(1):
		c.fail("ERR invalid DB index for 'select'")
	case n < 0 || n >= len(c.server.dbs):
		c.fail("ERR invalid DB index for 'select DB index is out of range'")
	default:
		c.session.db = n
		c.out.ok()
	}
}

// timeNow is TIME.
func timeNow(c *call) {
	now := c.server.opt.Clock()
	c.out.texts([]string{strconv.FormatInt(now.Unix(), 10), strconv.Itoa(now.Nanosecond() / 1000)})
}

// client is CLIENT LIST, of this connection alone, and since 3.5 SETNAME.
func client(c *call) {
	switch word := c.word(1); {
	case word == "list":
		c.out.text(fmt.Sprintf("addr=%s fd=100 idle=0\n", c.conn.RemoteAddr()))
	case word == "setname" && len(c.args) == 3 && !c.version().old():
		c.out.ok()
	default:
		c.fail("ERR Syntax error, try CLIENT (LIST [order by [addr|idle]| KILL ip:port)")
	}
}

func flushAll(c *call) {
	c.logs()
	for _, db := range c.server.dbs {
		db.flush()
		c.server.log(db, words("flushdb"))
	}
	c.out.ok()
}

// flushDB is FLUSHDB [type].
func flushDB(c *call) {
	if len(c.args) == 1 {
		c.db.flush()
		c.out.ok()
		return
	}
	k := kindNamed(strings.TrimSuffix(c.word(1), "s"))
	if k == noKind || c.db.oneType {
		c.fail(map[bool]string{true: "ERR Invalid Argument", false: "ERR invalid DB for ''"}[c.db.oneType])
	}
	c.db.names[k] = new(keyspace)
	c.out.ok()
}

// bgSave pretends, and lastSave that it was just done.
func bgSave(c *call)   { c.out.status("Background saving started") }
func lastSave(c *call) { c.out.integer(c.server.opt.Clock().Unix()) }

// slaveOf is SLAVEOF NO ONE; to become a replica is not simulated.
func slaveOf(c *call) {
	if c.word(1) != "no" || c.word(2) != "one" {
		c.fail("ERR SLAVEOF host port is not simulated")
	}
	c.server.replica = false
	c.out.ok()
}

// role is master or slave.
func (s *Server) role() string {
	if s.replica {
		return "slave"
	}
	return "master"
}

// configure is CONFIG GET pattern and CONFIG SET name value.
func configure(c *call) {
	settings := c.server.config
	switch word, n := c.word(1), len(c.args); {
	case word == "get" && n == 3:
		var pairs []string
		for _, name := range slices.Sorted(maps.Keys(settings)) {
			if matches(c.word(2), name) {
				pairs = append(pairs, name, settings[name])
			}
		}
		c.out.texts(pairs)
	case word == "set" && n == 4:
		if _, known := settings[c.word(2)]; !known {
			c.fail("ERR Unsupported CONFIG parameter: " + c.str(2))
		}
		settings[c.word(2)] = c.str(3)
		c.out.ok()
	default:
		c.fail(wrongNumber(c.name))
	}
}

const (
	noPassword = "ERR Client sent AUTH, but no password is set"
	wrongPair  = "WRONGPASS invalid username-password pair or user is disabled."
)

// auth is AUTH [user] password.
func auth(c *call) {
	want := c.server.opt.Password
	switch {
	case len(c.args) == 2 && want == "":
		c.fail(noPassword)
	case len(c.args) == 2 && c.str(1) == want:
		c.user = admin
		c.out.ok()
	case len(c.args) == 2 && c.version().old():
		c.fail("ERR invalid password")
	case len(c.args) == 2:
		c.user = limited // a user without a password, who takes any
		c.out.ok()
	case c.login(c.str(1), c.str(2)):
		c.out.ok()
	default:
		c.fail(wrongPair)
	}
}

// login tries a user name, of which there is the one that has the password.
func (c *call) login(name, password string) (ok bool) {
	want := c.server.opt.Password
	if ok = name == "default" && (want == "" || password == want); ok {
		c.user = admin
	}
	return ok
}

// hello is HELLO [2|3 [AUTH user password]], which stays with RESP2. AUTH without a password set
// writes an error that no line end closes, and the answer runs into it.
func hello(c *call) {
	switch {
	case len(c.args) < 3:
	case c.word(2) != "auth" || len(c.args) != 5:
		c.fail("ERR Syntax error in HELLO option " + c.str(2))
	case c.server.opt.Password == "" && c.str(3) == "default":
		*c.out = append(*c.out, "-"+noPassword...)
	case !c.login(c.str(3), c.str(4)):
		c.fail(wrongPair)
	}
	c.out.list("server", "redis", "proto", redcon.SimpleInt(2), "mode", "classic", "role", c.server.role())
}
