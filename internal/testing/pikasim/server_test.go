package pikasim

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestRequestsInPieces(t *testing.T) {
	big := strings.Repeat("x", 300_000)
	stream := slicesOf(request("SET", "", "\x00\r\n\xff"), []byte("*0\r\n"), []byte("*-1\r\n"), []byte("\r\n"),
		[]byte("PING\r\n"), request("SET", "k", big))
	want := []string{`["SET" "" "\x00\r\n\xff"]`, `["PING"]`, fmt.Sprintf("%q", []string{"SET", "k", big})}
	for _, size := range []int{1, 3, 1000, len(stream)} {
		var got []string
		for r := bufio.NewReaderSize(&pieces{stream, size}, readSize); ; {
			args, err := readRequest(r)
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%q", args))
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("pieces of %d: %.200q", size, got)
		}
	}
}

// pieces brings what is left, so many bytes at a time.
type pieces struct {
	rest []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.rest[:min(p.size, len(p.rest))])
	p.rest = p.rest[n:]
	return n, nil
}

func slicesOf(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestBrokenRequestsCloseTheConnection(t *testing.T) {
	s := start(t, Options{})
	for _, broken := range []string{
		"*x\r\n", "*1\r\n:3\r\n", "*1\r\n$x\r\n", "*1\r\n$-1\r\n", "*1\r\n$99999999999\r\n", "*9999999999\r\n",
		"*1\r\n" + strings.Repeat("1", 100), strings.Repeat("y", 70_000),
	} {
		c := dial(t, s)
		c.write([]byte(broken))
		if _, err := c.r.ReadByte(); err == nil {
			t.Errorf("%.20q: got an answer", broken)
		}
	}
}

func TestLongPipeline(t *testing.T) {
	const n = 100_000
	s := start(t, Options{})
	c := dial(t, s)
	var all []byte
	for i := range n {
		all = append(all, request("SET", fmt.Sprint("key", i), fmt.Sprint("value", i))...)
	}
	go func() { _, _ = c.conn.Write(all) }()
	for i := range n {
		if got := c.reply(); got != "+OK\r\n" {
			t.Fatalf("%d: %q", i, got)
		}
	}
	if got := s.Commands()["set"]; got != n {
		t.Errorf("counted %d", got)
	}
	if got := c.do("GET", "key99999"); got != "$10\r\nvalue99999\r\n" {
		t.Errorf("the last value is %q", got)
	}
}

func TestConcurrentClients(t *testing.T) {
	s := start(t, Options{Databases: 2})
	var running sync.WaitGroup
	for worker := range 8 {
		c := dial(t, s)
		running.Go(func() {
			for i := range 200 {
				key := fmt.Sprint("k", i%20)
				c.do("SELECT", fmt.Sprint(i%2))
				c.do("SADD", key, fmt.Sprint(worker, i))
				c.do("HSET", key, fmt.Sprint(worker, i), "v")
				c.do("EXPIRE", key, "100")
				c.do("SSCAN", key, "0", "COUNT", "3")
				c.do("SCAN", "0", "COUNT", "5")
				c.do("PKSCANRANGE", "hash", "", "", "LIMIT", "5")
				c.do("INFO", "keyspace", "1")
				c.do("CONFIG", "SET", "cache-model", fmt.Sprint(i%2))
				c.do("CLIENT", "LIST")
				if i%50 == 0 {
					c.do("FLUSHALL")
				}
			}
		})
	}
	running.Wait()
}

func TestReplicaRefusesWrites(t *testing.T) {
	for v, want := range map[Version]string{
		V340: "-ERR Server in read-only\r\n",
		V355: "-ERR READONLY You can't write against a read only replica.\r\n",
	} {
		c := dial(t, start(t, Options{Version: v, Replica: true}))
		if got := c.do("SET", "a", "1"); got != want {
			t.Errorf("%s: %q", v, got)
		}
		if got := c.do("INFO", "replication"); !strings.Contains(got, "role:slave\r\n") {
			t.Errorf("%s: %q", v, got)
		}
		if got := c.do("GET", "a"); got != "$-1\r\n" {
			t.Errorf("%s: %q", v, got)
		}
		c.do("SLAVEOF", "NO", "ONE")
		if got := c.do("SET", "a", "1"); got != "+OK\r\n" {
			t.Errorf("%s: %q after SLAVEOF NO ONE", v, got)
		}
	}
}

func TestWrongPassword(t *testing.T) {
	for v, want := range map[Version][]string{
		V340: {"-ERR invalid password\r\n", "-ERR NOAUTH Authentication required.\r\n"},
		V355: {"+OK\r\n", "-NOPERM this user has no permissions to run the 'get' command\r\n"},
		V401: {"+OK\r\n", "-NOPERM this user has no permissions to run the 'get' command\r\n"},
	} {
		c := dial(t, start(t, Options{Version: v, Password: "secret"}))
		got := []string{c.do("AUTH", "wrong"), c.do("GET", "a")}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %q", v, got)
		}
		if got := c.do("AUTH", "secret") + c.do("GET", "a"); got != "+OK\r\n$-1\r\n" {
			t.Errorf("%s: %q with the password", v, got)
		}
	}
}

func TestIntercept(t *testing.T) {
	s := start(t, Options{Databases: 2, Intercept: func(db int, args [][]byte) ([]byte, bool, bool) {
		switch string(args[0]) {
		case "RAW":
			return []byte(fmt.Sprintf(":%d\r\n", db)), true, false
		case "CUT":
			return []byte("$10\r\nhalf"), true, true
		}
		return nil, false, false
	}})
	c := dial(t, s)
	c.do("SELECT", "1")
	if got := c.do("RAW"); got != ":1\r\n" {
		t.Errorf("RAW: %q", got)
	}
	c.write(append(request("PING"), append(request("CUT"), request("PING")...)...))
	rest, err := io.ReadAll(c.r)
	if string(rest) != "+PONG\r\n$10\r\nhalf" || err != nil && !errors.Is(err, io.EOF) {
		t.Errorf("before the cut: %q, %v", rest, err)
	}
	if n := s.Commands(); n["cut"] != 1 || n["ping"] != 1 {
		t.Errorf("counted %v", n)
	}
}

func TestStartRefuses(t *testing.T) {
	for _, opt := range []Options{{Version: "2.0"}, {Addr: "127.0.0.1:-1"}} {
		if s, err := Start(opt); err == nil {
			t.Errorf("%+v: started", opt)
			s.Close()
		}
	}
}

func TestBinlogMovesWithWritesOnly(t *testing.T) {
	c := dial(t, start(t, Options{}))
	position := func() string { return c.do("INFO", "replication") }
	before := position()
	c.do("GET", "a")
	c.do("SCAN", "0")
	c.do("HSET", "wrong", "number")
	if position() != before {
		t.Error("reads moved it")
	}
	c.do("SET", "a", "1")
	if got := position(); !strings.Contains(got, "db0:binlog_offset=0 69,") {
		t.Errorf("after SET a 1: %q", got)
	}
	c.do("CONFIG", "SET", "write-binlog", "no")
	before = position()
	c.do("SET", "a", "1")
	if position() != before {
		t.Error("moved with write-binlog no")
	}
}

func TestCloseWhileBusy(t *testing.T) {
	s, err := Start(Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, s)
	go func() {
		for {
			if _, err := c.conn.Write(request("PING")); err != nil {
				return
			}
		}
	}()
	c.reply()
	done := make(chan error)
	go func() { done <- s.Close() }()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute): // a hang, not a measurement
		t.Fatal("Close hangs")
	}
}
