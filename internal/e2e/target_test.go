package e2e

import (
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// A target is a server to load.
type target struct {
	addr    string
	kvrocks bool
	cluster bool // addr is of one of its nodes
}

// client returns a client for what the target holds, which finds the keys of a cluster by itself.
func (to target) client(t *testing.T, db int) redis.UniversalClient {
	t.Helper()
	if !to.cluster {
		return client(t, to.addr, db)
	}
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{to.addr}, Protocol: 2, DisableIdentity: true,
		ReadTimeout: time.Minute, WriteTimeout: time.Minute})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// eachTarget runs a test with every target there is, empty.
func eachTarget(t *testing.T, test func(t *testing.T, to target)) {
	t.Run("to redis", func(t *testing.T) { test(t, startRedis(t)) })
	t.Run("to kvrocks", func(t *testing.T) {
		addr := os.Getenv("KVROCKS_ADDR")
		if addr == "" {
			t.Skip("NO REAL KVROCKS: set KVROCKS_ADDR=host:port to load a real one; it loses its data")
		}
		emptied(t, "KVROCKS_ADDR", addr)
		test(t, target{addr: addr, kvrocks: true})
	})
}

// startRedis starts a redis-server of its own. Its zsets keep scores as numbers: in the form
// that it has for small ones, -0 becomes 0.
func startRedis(t *testing.T) target {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("no redis-server is installed, and CI must have one")
		}
		t.Skip("NO redis-server IS INSTALLED: nothing is loaded into one here")
	}
	addr := freeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	cmd := exec.Command(path, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
		"--zset-max-listpack-entries", "0", "--dir", t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	drained := make(chan struct{})
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-drained
		_ = cmd.Wait()
	})
	awaitReady(t, out)
	go func() {
		defer close(drained)
		_, _ = io.Copy(io.Discard, out)
	}()
	return target{addr: addr}
}

// awaitReady reads until a redis-server says that it listens.
func awaitReady(t *testing.T, out io.Reader) {
	t.Helper()
	var said strings.Builder
	buf := make([]byte, 4096)
	for !strings.Contains(said.String(), "Ready to accept connections") {
		n, err := out.Read(buf)
		said.Write(buf[:n])
		if err != nil {
			t.Fatalf("redis-server did not start: %s", said.String())
		}
	}
}

// freeAddr returns an address on which nobody listens.
func freeAddr(t *testing.T) string {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	return lis.Addr().String()
}
