package main

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/redisserver"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/tlsfront"
)

func TestTLS(t *testing.T) {
	dir := makeDump(t, []format.Record{text("a", "1"), hash("h", "f", "v")})
	m := startTarget(t)
	m.RequireAuth(password)
	port, ca := tlsfront.Start(t, m.Addr())
	uri := "rediss://:s3cret%25%2Fpw@127.0.0.1:" + port
	for _, tc := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"CA", []string{"--uri", uri, "--cacert", ca}, 0, nil},
		{"--tls", []string{"-p", port, "-a", password, "--tls", "--cacert", ca}, 0, nil},
		{"--insecure", []string{"--uri", uri, "--insecure"}, 0, nil},
		{"another name", []string{"--uri", uri, "--cacert", ca, "--sni", "example.com"}, 0, nil},
		{"unknown CA", []string{"--uri", uri}, 5, []string{"certificate", "--cacert", "--insecure"}},
		{"wrong name", []string{"--uri", uri, "--cacert", ca, "--sni", "other.test"}, 5, []string{"not other.test", "--sni"}},
		{"no TLS", []string{"-p", port, "-a", password}, 75, []string{"may want TLS (--tls)"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m.FlushAll()
			r := runCommand(append([]string{"load", "--in", dir}, tc.args...)...)
			if tc.code != 0 {
				r.failed(t, tc.code, tc.says...)
			} else if r.code != 0 {
				t.Errorf("exit code %d:\n%s", r.code, r.stderr)
			}
			if got := strings.Join(m.Keys(), " "); (got == "a h") != (tc.code == 0) {
				t.Errorf("the target has %q", got)
			}
		})
	}
}

// TestTLSToPlain: a server that speaks no TLS.
func TestTLSToPlain(t *testing.T) {
	dir := makeDump(t, []format.Record{text("a", "1")})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "-ERR unknown command\r\n")
			t.Cleanup(func() { c.Close() })
		}
	}()
	runCommand("load", "--uri", "rediss://"+l.Addr().String(), "--in", dir).failed(t, 5, "TLS failed: check --tls")
}

// TestRealRedis: what a real redis-server says to a wrong password, and as a replica.
func TestRealRedis(t *testing.T) {
	dir := makeDump(t, []format.Record{text("a", "1")})
	addr := startRedis(t, "--requirepass", password)
	runCommand("load", "--uri", addr, "--in", dir).failed(t, 12, "wants a password")
	runCommand("load", "--uri", addr, "-a", wrong, "--in", dir).failed(t, 12, "refuses the password")
	runCommand("load", "--uri", addr, "--user", "nobody", "-a", password, "--in", dir).failed(t, 12, "user name or the password")
	if r := runCommand("load", "--uri", addr, "-a", password, "--in", dir); r.code != 0 {
		t.Errorf("exit code %d:\n%s", r.code, r.stderr)
	}
	host, port, _ := net.SplitHostPort(addr)
	replica := startRedis(t, "--replicaof", host, port, "--masterauth", password)
	runCommand("load", "--uri", replica, "--in", dir).failed(t, 5, "is a replica", "its master "+addr)
	runCommand("load", "--uri", startRedis(t), "-a", wrong, "--in", dir).failed(t, 12, "has no password: leave the password out")
	clustered := startRedis(t, "--cluster-enabled", "yes")
	runCommand("load", "--uri", clustered, "--in", dir).failed(t, 5, "serves slot 0")
}

// startRedis starts a redis-server and returns its address.
func startRedis(t *testing.T, args ...string) string {
	t.Helper()
	return redisserver.Start(t, args...).Addr
}
