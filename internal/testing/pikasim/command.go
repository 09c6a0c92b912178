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
	// items are what the binlog gets, if logged; else it gets the command.
	items  [][][]byte
	logged bool
}

// refusal is the error a command answers, with its code.
type refusal string

// fail ends the command with an error, as run answers it.
func (c *call) fail(text string) { panic(refusal(text)) }

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

// number reads an integer as Pika does, without a plus sign.
func (c *call) number(i int) int64 {
	n, err := strconv.ParseInt(c.str(i), 10, 64)
	if err != nil || c.args[i][0] == '+' {
		c.fail(notInteger)
	}
	return n
}

// options reads `name value` pairs from argument i on into the pointers given
// by name: *string, or *int64 of at least least.
func (c *call) options(i int, least int64, into map[string]any) {
	for ; i < len(c.args); i += 2 {
		to, known := into[c.word(i)]
		if !known || i+1 == len(c.args) {
			c.fail(syntax)
		}
		switch to := to.(type) {
		case *string:
			*to = c.str(i + 1)
		case *int64:
			if *to = c.number(i + 1); *to < least {
				c.fail(notInteger)
			}
		}
	}
}
