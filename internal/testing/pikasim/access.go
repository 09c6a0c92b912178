package pikasim

import (
	"strconv"

	"github.com/tidwall/redcon"
)

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
	case len(c.args) == 3 && c.login(c.str(1), c.str(2)):
		c.out.ok()
	case len(c.args) == 3:
		c.fail(wrongPair)
	default:
		c.fail(wrongNumber(c.name))
	}
}

// login tries a user name: default has the password, limit has none.
func (c *call) login(name, password string) bool {
	want := c.server.opt.Password
	switch {
	case name == "default" && (want == "" || password == want):
		c.user = admin
	case name == "limit":
		c.user = limited
	default:
		return false
	}
	return true
}

// hello is HELLO [2|3 [AUTH user password] [SETNAME name]], which stays with RESP2. AUTH without a
// password set writes an error that no line end closes, and the answer runs into it.
func hello(c *call) {
	if len(c.args) > 1 {
		n, err := strconv.Atoi(c.str(1))
		if err != nil {
			c.fail("ERR Protocol version is not an integer or out of range")
		}
		if n < 2 || n > 3 {
			c.fail("NOPROTO unsupported protocol version")
		}
	}
	unclosed := ""
	for i := 2; i < len(c.args); i++ {
		switch word, more := c.word(i), len(c.args)-i-1; {
		case word == "auth" && more >= 2:
			name := c.str(i + 1)
			if c.server.opt.Password == "" && name == "default" {
				unclosed = "-" + noPassword
			} else if !c.login(name, c.str(i+2)) {
				c.fail(wrongPair)
			}
			i += 2
		case word == "setname" && more >= 1:
			c.session.name = c.str(i + 1)
			i++
		default:
			c.fail("ERR Syntax error in HELLO option " + c.str(i))
		}
	}
	*c.out = append(*c.out, unclosed...)
	c.out.list("server", "redis", "proto", redcon.SimpleInt(2), "mode", "classic", "role", c.server.role())
}
