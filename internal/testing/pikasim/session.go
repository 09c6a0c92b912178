package pikasim

import (
	"bytes"
	"net"
)

// user is what a connection has proved to be.
type user int

const (
	nobody  user = iota // a password is set and was not given
	limited             // 3.5.3+ and 4.0: gave a wrong password
	admin
)

// session is one client connection.
type session struct {
	server *Server
	conn   net.Conn
	user   user
	db     int
	name   string
	in     requests
	out    reply
	// cut says that the connection ends after the replies so far.
	cut bool
}

// readSize is how much one read event takes. The commands it completes are run
// one after the other and answered together, as measured on Pika.
const readSize = 128 << 10

// serve runs read events until the client goes or breaks the protocol.
func (c *session) serve() {
	buf := make([]byte, readSize)
	for !c.cut {
		n, err := c.conn.Read(buf)
		if err != nil {
			return
		}
		c.in.feed(buf[:n])
		for !c.cut {
			args, err := c.in.next()
			if err != nil {
				c.cut = true // Pika closes without a word
				break
			}
			if args == nil {
				break
			}
			c.run(args)
		}
		if len(c.out) > 0 {
			if _, err := c.conn.Write(c.out); err != nil {
				return
			}
		}
		c.out = c.out[:0]
		if cap(c.out) > 8*readSize {
			c.out = nil
		}
	}
}

// run answers one command into c.out.
func (c *session) run(args [][]byte) {
	s := c.server
	name := string(bytes.ToLower(args[0]))
	s.count(name)
	if s.opt.Intercept != nil {
		raw, handled, cut := s.opt.Intercept(c.db, args)
		if handled || cut {
			c.out = append(c.out, raw...)
			c.cut = cut
			return
		}
	}
	cmd := s.table[name]
	if why := c.refused(cmd, name, len(args)); why != "" {
		c.out.error(why)
		return
	}
	if cmd.effect == reads {
		s.mu.RLock()
		defer s.mu.RUnlock()
	} else {
		s.mu.Lock()
		defer s.mu.Unlock()
	}
	if cmd.effect == writes && s.replica {
		c.out.error(readOnlyText(s.opt.Version))
		return
	}
	call := &call{session: c, db: s.dbs[c.db], name: name, args: args, out: &c.out, now: s.tick()}
	if call.answer(cmd) && cmd.effect == writes && s.config.get("write-binlog") != "no" {
		call.db.binlog.log(args)
	}
}

// answer runs the command, and reports whether it did not fail.
func (c *call) answer(cmd *command) (ok bool) {
	before := len(*c.out)
	defer func() {
		switch failed := recover().(type) {
		case nil:
			ok = true
		case refusal:
			if *c.out = (*c.out)[:before]; failed != "" {
				c.out.error(string(failed))
			}
		default:
			panic(failed)
		}
	}()
	cmd.run(c)
	return true
}

// refused is why a command does not run, in the order Pika checks.
func (c *session) refused(cmd *command, name string, argc int) string {
	v := c.server.opt.Version
	switch {
	case cmd == nil && v.early():
		return "Err unknown or unsupported command '" + name + "'"
	case cmd == nil && v.old():
		return "ERR unknown or unsupported command '" + name + "\""
	case cmd == nil:
		return "ERR unknown command \"" + name + "\""
	case c.user == nobody && !cmd.open:
		return "ERR NOAUTH Authentication required."
	case cmd.arity >= 0 && argc != cmd.arity, cmd.arity < 0 && argc < -cmd.arity:
		return wrongNumber(name)
	case c.user == limited && !cmd.open && !cmd.harmless:
		return "NOPERM this user has no permissions to run the '" + name + "' command"
	}
	return ""
}

func wrongNumber(name string) string {
	return "ERR wrong number of arguments for '" + name + "' command"
}

func readOnlyText(v Version) string {
	if v.old() {
		return "ERR Server in read-only"
	}
	return "ERR READONLY You can't write against a read only replica."
}
