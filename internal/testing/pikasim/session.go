package pikasim

import (
	"bytes"
	"errors"
	"net"
	"strconv"
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
	multi  bool
	queue  [][][]byte // since MULTI
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
	if call.answer(cmd) && cmd.effect == writes {
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

// Bounds of a request: Pika's default max-conn-rbuf-size, and the number of
// arguments that fit in it.
const (
	maxBulk      = 256 << 20
	maxArguments = maxBulk / 6
	maxInline    = 64 << 10
)

var errProtocol = errors.New("protocol error")

// requests cuts a byte stream into commands. It remembers how far a command
// has come, so that long ones are read once however many reads they take.
type requests struct {
	buf   []byte // not yet used
	first []byte // what was fed first of it, to be used again
	args  [][]byte
	left  int // arguments still to come; 0 between commands
}

// feed adds what was read. The bytes are copied.
func (r *requests) feed(b []byte) {
	if len(r.buf) > 0 {
		r.buf = append(r.buf, b...)
		return
	}
	r.first = append(r.first[:0], b...)
	r.buf = r.first
}

// next is the next complete command, or nil when more bytes are needed. The
// arguments belong to the caller. Commands of no arguments are passed over.
func (r *requests) next() ([][]byte, error) {
	for {
		if r.left == 0 {
			line, ok := r.line()
			if !ok && len(r.buf) > maxInline {
				return nil, errProtocol
			}
			if !ok {
				return nil, nil
			}
			if len(line) == 0 || line[0] != '*' {
				if args := inline(line); len(args) > 0 {
					return args, nil
				}
				continue
			}
			n, err := strconv.Atoi(string(line[1:]))
			if err != nil || n > maxArguments {
				return nil, errProtocol
			}
			if n <= 0 {
				continue
			}
			r.left, r.args = n, nil
		}
		for r.left > 0 {
			arg, ok, err := r.bulk()
			if err != nil || !ok {
				return nil, err
			}
			r.args = append(r.args, arg)
			r.left--
		}
		return r.args, nil
	}
}

// bulk is the next argument, if all of it is there.
func (r *requests) bulk() (arg []byte, ok bool, err error) {
	end := bytes.IndexByte(r.buf, '\n')
	if end < 0 {
		if len(r.buf) > 32 {
			return nil, false, errProtocol
		}
		return nil, false, nil
	}
	head := bytes.TrimSuffix(r.buf[:end], []byte{'\r'})
	if len(head) < 2 || head[0] != '$' {
		return nil, false, errProtocol
	}
	n, err := strconv.Atoi(string(head[1:]))
	if err != nil || n < 0 || n > maxBulk {
		return nil, false, errProtocol
	}
	if len(r.buf) < end+1+n+2 {
		return nil, false, nil
	}
	arg = make([]byte, n)
	copy(arg, r.buf[end+1:])
	r.skip(end + 1 + n + 2)
	return arg, true, nil
}

// line is the next line without its end, if all of it is there.
func (r *requests) line() ([]byte, bool) {
	end := bytes.IndexByte(r.buf, '\n')
	if end < 0 {
		return nil, false
	}
	line := bytes.Clone(bytes.TrimSuffix(r.buf[:end], []byte{'\r'}))
	r.skip(end + 1)
	return line, true
}

// skip drops used bytes.
func (r *requests) skip(n int) { r.buf = r.buf[n:] }

// inline splits a command typed by hand, without quoting.
func inline(line []byte) [][]byte { return bytes.Fields(line) }
