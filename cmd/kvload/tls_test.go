package main

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// tlsFront accepts TLS and passes what it decrypts on to the server at addr. It returns its
// own port, and the file of the CA that signed its certificate for 127.0.0.1.
func tlsFront(t *testing.T, addr string) (port, ca string) {
	t.Helper()
	h := httptest.NewTLSServer(nil) // for its certificate
	t.Cleanup(h.Close)
	ca = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: h.TLS.Certificates})
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
			go func() {
				defer c.Close()
				back, err := net.Dial("tcp", addr)
				if err != nil {
					return
				}
				defer back.Close()
				go func() {
					_, _ = io.Copy(back, c)
					back.Close()
				}()
				_, _ = io.Copy(c, back)
			}()
		}
	}()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port, ca
}

func TestTLS(t *testing.T) {
	dir := makeDump(t, []format.Record{text("a", "1"), hash("h", "f", "v")})
	m := startTarget(t)
	m.RequireAuth(password)
	port, ca := tlsFront(t, m.Addr())
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
	runCommand("load", "--uri", clustered, "--in", dir).failed(t, 5, "cluster mode")
}

// startRedis starts a redis-server and returns its address.
func startRedis(t *testing.T, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("NO redis-server IS INSTALLED: nothing is tested against a real server here")
	}
	addr := closedPort(t)
	_, port, _ := net.SplitHostPort(addr)
	cmd := exec.Command(path, append([]string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir()}, args...)...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	var said strings.Builder
	buf := make([]byte, 4096)
	for !strings.Contains(said.String(), "Ready to accept connections") {
		n, err := stdout.Read(buf)
		said.Write(buf[:n])
		if err != nil {
			t.Fatalf("redis-server did not start: %s", said.String())
		}
	}
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
	return addr
}
