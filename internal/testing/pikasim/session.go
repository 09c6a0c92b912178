package pikasim

import (
	"bufio"
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
	multi  bool
	queue  [][][]byte // since MULTI
	out    reply
	// cut says that the connection ends after the replies so far.
	cut bool
}

// readSize is how much one read event takes. The commands it completes are run
// one after the other and answered together, as measured on Pika.
const readSize = 128 << 10

// serve runs commands until the client goes or breaks the protocol, which Pika answers with
// closing the connection.
func (c *session) serve() {
	for in := bufio.NewReaderSize(c, readSize); !c.cut; {
		args, err := readRequest(in)
		if err != nil {
			break
		}
		c.run(args)
	}
	_ = c.answer() // the connection ends in any case
}

// Read takes a read event, before which the commands of the one before are answered.
func (c *session) Read(p []byte) (int, error) {
	if err := c.answer(); err != nil {
		return 0, err
	}
	return c.conn.Read(p)
}

// answer sends the replies so far.
func (c *session) answer() error {
	if len(c.out) == 0 {
		return nil
	}
	_, err := c.conn.Write(c.out)
	if c.out = c.out[:0]; cap(c.out) > 8*readSize {
		c.out = nil
	}
	return err
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
	if c.multi && name != "exec" && name != "discard" {
		c.queue = append(c.queue, args)
		c.out.status("QUEUED")
		return
	}
	if name == "exec" {
		c.exec()
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
	if call.attempt(cmd) && cmd.effect == writes {
		if !call.logged {
			call.logs(args)
		}
		s.log(call.db, call.items...)
	}
}

// exec runs what came after MULTI, each command by itself.
func (c *session) exec() {
	if !c.multi {
		c.out.error("ERR EXEC without MULTI")
		return
	}
	queue := c.queue
	c.multi, c.queue = false, nil
	c.out.array(len(queue))
	for _, args := range queue {
		c.run(args)
	}
}

// multi is MULTI and DISCARD.
func multi(c *call) {
	c.multi, c.queue = c.name == "multi", nil
	c.out.ok()
}

// attempt runs the command, and reports whether it did not fail.
func (c *call) attempt(cmd *command) (ok bool) {
	before := len(*c.out)
	defer func() {
		switch failed := recover().(type) {
		case nil:
			ok = true
		case refusal:
			*c.out = (*c.out)[:before]
			c.out.error(string(failed))
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
