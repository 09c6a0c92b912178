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

// runs counts the servers that were started: each has a run_id of its own, as each start of a real
// one (M 3.5.5).
var runs atomic.Int64

// Server is a running simulator.
type Server struct {
	opt     Options
	clients port
	table   map[string]*command
	started time.Time
	run     int64 // number of the start, which run_id is made of
	running sync.WaitGroup
	master  *master

	// mu guards everything a command reads or writes: many readers, one writer.
	mu      sync.RWMutex
	dbs     []*database
	config  configuration
	replica bool

	countMu sync.Mutex
	counts  map[string]int64
}

// Addr is the address the server listens on.
func (s *Server) Addr() string { return s.clients.Addr().String() }

// runID is another one at each start.
func (s *Server) runID() string { return fmt.Sprintf("%040x", s.run) }

// Restart cuts every connection, as a kill of the process does. From then on it is another one,
// with the same data.
func (s *Server) Restart() {
	s.mu.Lock()
	s.run, s.started = runs.Add(1), s.opt.Clock()
	s.mu.Unlock()
	s.clients.cut()
	s.master.cut()
}

// Commands is how many of each command, in lower case, were asked for so far,
// unknown and refused ones included.
func (s *Server) Commands() map[string]int64 {
	s.countMu.Lock()
	defer s.countMu.Unlock()
	return maps.Clone(s.counts)
}

// Close stops listening, cuts every connection and waits until they are gone.
func (s *Server) Close() error {
	err := errors.Join(s.clients.close(), s.master.close())
	s.running.Wait()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close simulated pika: %w", err)
	}
	return nil
}

// serve runs the commands of a client.
func (s *Server) serve(conn net.Conn) {
	c := &session{server: s, conn: conn, user: nobody}
	if s.opt.Password == "" {
		c.user = admin
	}
	c.serve()
}

// count adds one command to what Commands reports.
func (s *Server) count(name string) {
	s.countMu.Lock()
	defer s.countMu.Unlock()
	s.counts[name]++
}

// tick is the current time in ticks.
func (s *Server) tick() int64 {
	now := s.opt.Clock()
	if s.opt.Version == V401 {
		return now.UnixMilli()
	}
	return now.Unix()
}
