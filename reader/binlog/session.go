package binlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
)

// A Session is one connection to the replication port of a master. It is not safe for concurrent
// use.
type Session struct {
	// RunID is the master's; 3.4 does not tell it.
	RunID string

	o         Options
	c         *connection
	in        *input
	node      node
	databases []*database
	items     itemParser
	err       error // why the session ended
}

// A database is followed by itself.
type database struct {
	at          format.BinlogPosition // behind the last item that was returned
	session     uint64
	first, last format.BinlogPosition // of the items to acknowledge
	pending     bool                  // there are such
}

// retryTaken is how long a name is left alone that the master gives to another.
const retryTaken = 500 * time.Millisecond

// errTaken: the master has a replica of this name.
var errTaken = errors.New("the source still has a replica of this name")

// A new connection can be cut for what the master still does about the one before it, whose
// descriptor it has got (SERVERS.md P18): that is tried again so often.
const (
	retriesLost = 2
	retryLost   = 50 * time.Millisecond
)

// Dial connects to a master, logs in, and takes up each database at its position. Only the dialing
// ends with ctx.
func Dial(ctx context.Context, o Options) (*Session, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	for until, try := time.Now().Add(o.Wait), 0; ; try++ {
		s, err := dialOnce(ctx, o)
		if err == nil {
			return s, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		lost := errors.As(err, new(*lostError)) && try < retriesLost
		if !lost && (!errors.Is(err, errTaken) || time.Now().After(until)) {
			return nil, fmt.Errorf("follow the binlog of %s: %w", o.Addr, err)
		}
		pause := retryTaken
		if lost {
			pause = retryLost
		}
		if err := retry.Sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
}

func dialOnce(ctx context.Context, o Options) (*Session, error) {
	nc, err := (&net.Dialer{Timeout: o.DialTimeout}).DialContext(ctx, "tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; is the port right, and may this machine connect to it?", ErrUnavailable, err)
	}
	c := &connection{Conn: nc, timeout: o.Timeout, ctx: ctx, quiet: signOfLife}
	s := &Session{o: o, c: c, in: newInput(c)}
	s.items = itemParser{in: s.in, maxNames: o.MaxNames}
	if err := s.begin(); err != nil {
		nc.Close()
		return nil, err
	}
	c.alive = s.KeepAlive
	return s, nil
}

// begin does what comes before the first item.
func (s *Session) begin() error {
	host, port, err := splitNode(cmp.Or(s.o.Node, s.c.LocalAddr().String()))
	if err != nil {
		return err
	}
	s.node = newNode(host, port)
	if err := s.metaSync(); err != nil {
		return err
	}
	for _, from := range s.o.From {
		d := &database{at: from}
		if err := s.trySync(d); err != nil {
			return err
		}
		s.databases = append(s.databases, d)
	}
	for _, d := range s.databases {
		if err := s.write(s.node.binlogSync(d.at, d.at, d.session, true)); err != nil {
			return err
		}
	}
	return nil
}

// metaSync logs in. A Pika would serve a replica that it refused here (SERVERS.md P17).
func (s *Session) metaSync() error {
	if err := s.write(s.node.metaSync(s.o.Password)); err != nil {
		return err
	}
	r, err := s.in.reply(kindMetaSync)
	switch {
	case err != nil:
		return fmt.Errorf("MetaSync: %w", err)
	case r.code == codeOther:
		return fmt.Errorf("MetaSync: %w: %w (%s)", ErrUnavailable, errTaken, r.text)
	case r.code == codeError && s.o.Password == "":
		return fmt.Errorf("%w: the source wants its requirepass (%s)", ErrAuth, r.text)
	case r.code == codeError:
		return fmt.Errorf("%w: the password is not the requirepass of the source (%s)", ErrAuth, r.text)
	case r.code != codeOK:
		return fmt.Errorf("MetaSync: %w: code %d (%s)", errMessage, r.code, r.text)
	}
	return s.readMeta(r.meta)
}

// readMeta reads what the master says of itself.
func (s *Session) readMeta(b []byte) error {
	slots := uint64(0) // the most of a database
	in := inputOf(b)
	for in.more(0) {
		switch num, typ := in.field(); num {
		case 2:
			behind := in.length(typ)
			for in.more(behind) {
				if num, typ := in.field(); num == 2 {
					slots = max(slots, in.number(typ, math.MaxUint32))
				} else {
					in.skip(typ)
				}
			}
			in.ends(behind)
		case 3:
			s.RunID = string(in.bytes(typ))
		default:
			in.skip(typ)
		}
	}
	if in.err == nil && slots > 1 {
		return errors.New("the source is a 3.x in sharding mode, whose binlog cannot be followed: compare with pikadump dump --base")
	}
	return in.err
}

// trySync takes up a database.
func (s *Session) trySync(d *database) error {
	if err := s.write(s.node.trySync(d.at)); err != nil {
		return err
	}
	r, err := s.in.reply(kindTrySync)
	if err != nil {
		return fmt.Errorf("TrySync: %w", err)
	}
	var verdict uint64
	master := format.BinlogPosition{DB: d.at.DB}
	in := inputOf(r.try)
	for in.more(0) {
		switch num, typ := in.field(); num {
		case 1:
			verdict = in.number(typ, math.MaxInt32)
		case 3:
			master.File, master.Offset = in.offset(typ)
		case 4:
			d.session = in.number(typ, math.MaxUint64)
		default:
			in.skip(typ)
		}
	}
	switch {
	case in.err != nil:
		return in.err
	case r.code == codeError:
		return &UnknownDatabaseError{d.at.DB}
	case r.code != codeOK:
		return fmt.Errorf("TrySync: %w: code %d (%s)", errMessage, r.code, r.text)
	case verdict == 1:
		return nil
	case verdict >= 2 && verdict <= 4:
		return &PositionError{d.at, master, Reason(verdict - 1)}
	}
	return fmt.Errorf("TrySync: %w: verdict %d", errMessage, verdict)
}

func (s *Session) write(b []byte) error {
	_, err := s.c.Write(b)
	return err
}

// Positions returns where each database was left: behind its last item that Next returned. A new
// session can begin there.
func (s *Session) Positions() []format.BinlogPosition {
	p := make([]format.BinlogPosition, len(s.databases))
	for i, d := range s.databases {
		p[i] = d.at
	}
	return p
}

// KeepAlive tells the master that this replica is there. A caller that takes no items for some
// seconds calls it as long as its work makes progress: the master forgets a replica that it has not
// heard of for 20 s, and keeps no binlog for it any more (SERVERS.md P18).
func (s *Session) KeepAlive() error {
	for _, d := range s.databases {
		if err := s.answer(d); err != nil {
			return err
		}
	}
	return nil
}

// answer says that the replica of a database is there.
func (s *Session) answer(d *database) error {
	zero := format.BinlogPosition{DB: d.at.DB}
	return s.write(s.node.binlogSync(zero, zero, d.session, false))
}

// Goodbye tells the master that this replica is no more, and closes the connection. Items that Next
// returned are not acknowledged any more. It works after Next was cancelled as well.
func (s *Session) Goodbye(ctx context.Context) error {
	defer s.Close()
	s.c.ctx, s.c.alive, s.in.err = ctx, nil, nil
	for _, d := range s.databases {
		// Only of databases that the master has: it crashes at another (SERVERS.md P17).
		if err := s.write(s.node.removeSlaveNode(d.at.DB)); err != nil {
			return fmt.Errorf("end the session with %s: %w", s.o.Addr, err)
		}
		if r, err := s.in.reply(kindRemoveSlaveNode); err != nil {
			return fmt.Errorf("end the session with %s: %w", s.o.Addr, err)
		} else if r.code != codeOK {
			return fmt.Errorf("end the session with %s: code %d (%s)", s.o.Addr, r.code, r.text)
		}
	}
	return nil
}

// Close closes the connection. The master forgets the replica when it notices.
func (s *Session) Close() error {
	s.err = cmp.Or(s.err, net.ErrClosed)
	return s.c.Close()
}

// signOfLife is how long a replica may say nothing. The master forgets it after 20 s (SERVERS.md
// P18), and hears nothing of one that reads a long message.
const signOfLife = 5 * time.Second

// A connection bounds how long each read and write takes, by time and by a context.
type connection struct {
	net.Conn
	timeout time.Duration
	ctx     context.Context // of the call that reads
	quiet   time.Duration   // after which alive is called while something arrives
	alive   func() error    // nil: not yet
	spoke   time.Time       // when something was sent
}

// Read gives up when the context ends, or when nothing comes in time.
func (c *connection) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, c.failed(err)
	}
	stop := context.AfterFunc(c.ctx, func() { c.SetReadDeadline(time.Unix(1, 0)) })
	n, err := c.Conn.Read(b)
	stop()
	if err == nil && c.alive != nil && time.Since(c.spoke) >= c.quiet {
		err = c.alive()
	}
	return n, c.failed(err)
}

func (c *connection) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, c.failed(err)
	}
	n, err := c.Conn.Write(b)
	c.spoke = time.Now()
	return n, c.failed(err)
}

// failed says that the connection is what failed, unless the context ended.
func (c *connection) failed(err error) error {
	switch {
	case err == nil || errors.Is(err, ErrUnavailable):
		return err
	case c.ctx.Err() != nil:
		return context.Cause(c.ctx)
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return fmt.Errorf("%w: no sign of life in %v", ErrUnavailable, c.timeout)
	}
	return fmt.Errorf("%w: connection lost: %w", ErrUnavailable, &lostError{err})
}

// A lostError says how a connection was cut.
type lostError struct{ error }

func (e *lostError) Unwrap() error { return e.error }
