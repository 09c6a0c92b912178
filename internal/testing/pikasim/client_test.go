package pikasim

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// testClock stands still until it is advanced.
type testClock struct{ now atomic.Int64 }

func newTestClock(at time.Time) *testClock {
	c := new(testClock)
	c.now.Store(at.UnixNano())
	return c
}

func (c *testClock) Now() time.Time          { return time.Unix(0, c.now.Load()) }
func (c *testClock) Advance(d time.Duration) { c.now.Add(int64(d)) }

func start(t testing.TB, opt Options) *Server {
	t.Helper()
	s, err := Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// testConn is a bare client.
type testConn struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

func dial(t testing.TB, s *Server) *testConn {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &testConn{t, conn, bufio.NewReaderSize(conn, 1<<16)}
}

func (c *testConn) close() { c.conn.Close() }

func (c *testConn) write(b []byte) {
	c.t.Helper()
	if _, err := c.conn.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

// reply reads one raw reply.
func (c *testConn) reply() string {
	c.t.Helper()
	s, err := readReply(c.r)
	if err != nil {
		c.t.Fatalf("read reply: %v", err)
	}
	return s
}

// do is one command and its raw reply.
func (c *testConn) do(args ...string) string {
	c.t.Helper()
	c.write(request(args...))
	return c.reply()
}

// list reads a reply of nested arrays as one flat list, nil as "<nil>".
func (c *testConn) list(args ...string) []string {
	c.t.Helper()
	return flat(c.do(args...))
}

func flat(raw string) (list []string) {
	for raw != "" {
		line, rest, _ := strings.Cut(raw, "\r\n")
		raw = rest
		switch n, _ := strconv.Atoi(line[1:]); {
		case line[0] == '*':
		case line[0] != '$':
			list = append(list, line)
		case n < 0:
			list = append(list, "<nil>")
		default:
			list = append(list, raw[:n])
			raw = raw[n+2:]
		}
	}
	return list
}

func request(args ...string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	return b.Bytes()
}

// readReply reads as the recorder did.
func readReply(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return line, err
	}
	n, _ := strconv.Atoi(strings.TrimRight(line[1:], "\r\n"))
	switch {
	case line[0] == '$' && n >= 0:
		b := make([]byte, n+2)
		_, err = io.ReadFull(r, b)
		return line + string(b), err
	case line[0] == '*':
		var all strings.Builder
		all.WriteString(line)
		for range n {
			one, err := readReply(r)
			if err != nil {
				return "", err
			}
			all.WriteString(one)
		}
		return all.String(), nil
	}
	return line, nil
}
