// Package redisserver starts real redis-servers for tests.
package redisserver

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/freeport"
)

// A Server is a redis-server that runs.
type Server struct {
	Addr string // host:port

	cmd     *exec.Cmd
	drained sync.WaitGroup // there is no more output
}

// Start starts a redis-server on a free port, which keeps nothing on disk unless args say so, and
// stops it at the end of the test. The test is skipped where there is no redis-server, but not in
// CI.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	return StartAt(t, freeport.Addr(), args...)
}

// StartAt is Start on a port of the caller's choice.
func StartAt(t testing.TB, addr string, args ...string) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("no redis-server is installed, and CI must have one")
		}
		t.Skip("NO redis-server IS INSTALLED: nothing is tested against a real one here")
	}
	s, err := Run(addr, t.TempDir(), args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	return s
}

// Run is StartAt without a test, in a directory. Who calls it kills the server.
func Run(addr, dir string, args ...string) (*Server, error) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	args = append([]string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", dir}, args...)
	s := &Server{Addr: addr, cmd: exec.Command("redis-server", args...)}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	said := ""
	for lines := bufio.NewScanner(out); !strings.Contains(said, "Ready to accept connections"); said += lines.Text() + "\n" {
		if !lines.Scan() {
			s.Kill()
			return nil, fmt.Errorf("redis-server did not start: %s", said)
		}
	}
	s.drained.Go(func() { _, _ = io.Copy(io.Discard, out) })
	return s, nil
}

// Signal sends the server a signal, such as SIGSTOP.
func (s *Server) Signal(sig os.Signal) error { return s.cmd.Process.Signal(sig) }

// Kill kills the server with SIGKILL. It may be called again.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	s.drained.Wait()
	_ = s.cmd.Wait()
}
