// Package pikasim is an in-process server that answers over TCP as Pika does,
// a Redis-compatible server on RocksDB: the commands a migration reads and a
// test loads data with, with the replies, error texts and oddities of each
// version as recorded in testdata/transcripts.
//
// Start one with Start and stop it with Close. It keeps everything in memory,
// never replicates, and never expires a record by itself: like Pika it skips
// the dead ones.
package pikasim

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Version is the release whose behaviour is answered.
type Version string

// The versions simulated. Of 2.3.6, 3.0.2 and 3.0.3 there are no transcripts: they answer as 3.4.0
// does but for what the source code of those versions showed to be different, which is in
// early.go. V400 is V401 with expiry stored in seconds and a
// PTTL that answers seconds; both call themselves 4.0.0.
const (
	V236 Version = "2.3.6"
	V302 Version = "3.0.2"
	V303 Version = "3.0.3"
	V340 Version = "3.4.0"
	V355 Version = "3.5.5"
	V400 Version = "4.0.0"
	V401 Version = "4.0.1"
)

// oneType tells whether a name holds one value, not one of each type.
func (v Version) oneType() bool { return v == V400 || v == V401 }

// Options says what server to be. The zero value is a Pika 3.5.5 with one
// database on a free port of 127.0.0.1.
type Options struct {
	// Version is the release to answer as; default V355.
	Version Version
	// Addr is the address to listen on; default 127.0.0.1:0.
	Addr string
	// Databases is how many databases there are, 1 to 8; default 1.
	Databases int
	// Password is requirepass; default none.
	Password string
	// Clock is the time for expiry, TIME and INFO; default time.Now.
	// It is called from many goroutines.
	Clock func() time.Time
	// Config overrides what CONFIG GET answers, by parameter name, and adds
	// parameters the version does not know.
	Config map[string]string
	// Replica makes the server call itself a slave and refuse writes, until
	// SLAVEOF NO ONE.
	Replica bool
	// Unlisted, if set, reports names that PKSCANRANGE and SCAN leave out, though they are there and
	// counted.
	Unlisted func(name string) bool
	// Intercept, if set, is called before each command, from the goroutine
	// of its connection. With handled the reply is sent as it is and the
	// command does not run; with closeConn the connection is cut after it.
	Intercept func(db int, args [][]byte) (reply []byte, handled, closeConn bool)
}

// Server is a running simulator.
type Server struct {
	opt      Options
	listener net.Listener
	table    map[string]*command
	started  time.Time
	run      int64 // number of the start, which run_id is made of
	running  sync.WaitGroup

	// mu guards everything a command reads or writes: many readers, one writer.
	mu       sync.RWMutex
	dbs      []*database
	config   configuration
	replica  bool
	lastSave time.Time

	countMu sync.Mutex
	counts  map[string]int64

	connMu   sync.Mutex
	conns    map[*session]struct{}
	accepted int64
	closed   bool
}

// runs counts the servers that were started: each has a run_id of its own, as each start of a real one (M 3.5.5).
var runs atomic.Int64

// Start listens and serves until Close.
func Start(opt Options) (*Server, error) {
	if opt.Version == "" {
		opt.Version = V355
	}
	if opt.Addr == "" {
		opt.Addr = "127.0.0.1:0"
	}
	if opt.Databases == 0 {
		opt.Databases = 1
	}
	if opt.Clock == nil {
		opt.Clock = time.Now
	}
	switch opt.Version {
	case V340, V355, V400, V401:
	case V236, V302, V303:
		if opt.Databases != 1 {
			return nil, fmt.Errorf("start simulated pika: %s has one database", opt.Version)
		}
	default:
		return nil, fmt.Errorf("start simulated pika: unknown version %q", opt.Version)
	}
	if opt.Databases < 1 || opt.Databases > 8 {
		return nil, fmt.Errorf("start simulated pika: %d databases, want 1 to 8", opt.Databases)
	}
	listener, err := net.Listen("tcp", opt.Addr)
	if err != nil {
		return nil, fmt.Errorf("start simulated pika: %w", err)
	}
	s := &Server{
		opt:      opt,
		listener: listener,
		table:    commands(opt.Version),
		started:  opt.Clock(),
		run:      runs.Add(1),
		lastSave: opt.Clock(),
		config:   newConfiguration(opt),
		replica:  opt.Replica,
		counts:   map[string]int64{},
		conns:    map[*session]struct{}{},
	}
	for range opt.Databases {
		s.dbs = append(s.dbs, newDatabase(opt.Version))
	}
	s.running.Go(s.accept)
	return s, nil
}

// Addr is the address the server listens on.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Commands is how many of each command, in lower case, were asked for so far,
// unknown and refused ones included.
func (s *Server) Commands() map[string]int64 {
	s.countMu.Lock()
	defer s.countMu.Unlock()
	return maps.Clone(s.counts)
}

// Close stops listening, cuts every connection and waits until they are gone.
func (s *Server) Close() error {
	s.connMu.Lock()
	s.closed = true
	for c := range s.conns {
		_ = c.conn.Close() // its goroutine reports nothing either
	}
	s.connMu.Unlock()
	err := s.listener.Close()
	s.running.Wait()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close simulated pika: %w", err)
	}
	return nil
}

// accept serves connections until the listener is closed.
func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue // the client was gone before it was accepted
		}
		c := &session{server: s, conn: conn, user: nobody}
		if s.opt.Password == "" {
			c.user = admin
		}
		if !s.join(c) {
			_ = conn.Close()
			return
		}
		s.running.Go(func() {
			defer s.leave(c)
			c.serve()
		})
	}
}

// join registers a connection, unless the server is closing.
func (s *Server) join(c *session) bool {
	s.connMu.Lock()
	defer s.connMu.Unlock()
	if s.closed {
		return false
	}
	s.accepted++
	s.conns[c] = struct{}{}
	return true
}

// leave forgets a connection and closes it.
func (s *Server) leave(c *session) {
	s.connMu.Lock()
	defer s.connMu.Unlock()
	delete(s.conns, c)
	_ = c.conn.Close()
}

// count adds one command to what Commands reports.
func (s *Server) count(name string) {
	s.countMu.Lock()
	defer s.countMu.Unlock()
	s.counts[name]++
}

// served is the number of all commands so far.
func (s *Server) served() (n int64) {
	for _, c := range s.Commands() {
		n += c
	}
	return n
}
