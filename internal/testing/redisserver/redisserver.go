// Package redisserver starts real redis-servers for tests.
package redisserver

import (
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/freeport"
)

// A Server is a redis-server that runs.
type Server struct {
	Addr string // host:port

	cmd     *exec.Cmd
	drained chan struct{} // closed when there is no more output
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
	path, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("no redis-server is installed, and CI must have one")
		}
		t.Skip("NO redis-server IS INSTALLED: nothing is tested against a real one here")
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir()}, args...)
	s := &Server{Addr: addr, cmd: exec.Command(path, args...), drained: make(chan struct{})}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	var said strings.Builder
	buf := make([]byte, 4096)
	for !strings.Contains(said.String(), "Ready to accept connections") {
		n, err := out.Read(buf)
		said.Write(buf[:n])
		if err != nil {
			close(s.drained)
			t.Fatalf("redis-server did not start: %s", said.String())
		}
	}
	go func() {
		defer close(s.drained)
		_, _ = io.Copy(io.Discard, out)
	}()
	return s
}

// Signal sends the server a signal, such as SIGSTOP.
func (s *Server) Signal(sig os.Signal) error { return s.cmd.Process.Signal(sig) }

// Kill kills the server with SIGKILL. It may be called again.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	<-s.drained
	_ = s.cmd.Wait()
}
