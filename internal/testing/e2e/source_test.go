package e2e

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// A source is a Pika to dump.
type source struct {
	addr    string
	version pikasim.Version
	real    bool
}

// oneType reports whether a name has one type, not one value of each.
func (s source) oneType() bool { return s.version == pikasim.V400 || s.version == pikasim.V401 }

// simulate starts a simulated Pika.
func simulate(t *testing.T, o pikasim.Options) source {
	t.Helper()
	server, err := pikasim.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return source{addr: server.Addr(), version: o.Version}
}

// eachSource runs a test with every Pika there is, empty, with at least two databases.
func eachSource(t *testing.T, test func(t *testing.T, s source)) {
	for _, v := range []pikasim.Version{pikasim.V340, pikasim.V355, pikasim.V401} {
		t.Run("from pikasim "+string(v), func(t *testing.T) {
			test(t, simulate(t, pikasim.Options{Version: v, Databases: 2}))
		})
	}
	eachRealSource(t, test)
}

// eachRealSource runs a test with the Pikas at PIKA_ADDR.
func eachRealSource(t *testing.T, test func(t *testing.T, s source)) {
	addrs := os.Getenv("PIKA_ADDR")
	if addrs == "" {
		t.Run("from pika", func(t *testing.T) {
			t.Skip("NO REAL PIKA: set PIKA_ADDR=host:port[,host:port…] to dump real ones; they lose their data")
		})
		return
	}
	for _, addr := range strings.Split(addrs, ",") {
		t.Run("from pika at "+addr, func(t *testing.T) {
			c := emptied(t, "PIKA_ADDR", addr)
			info, err := c.Info(t.Context(), "server").Result()
			if err != nil {
				t.Fatal(err)
			}
			_, version, ok := strings.Cut(info, "pika_version:")
			if !ok {
				t.Fatalf("%s is no Pika: %s", addr, info)
			}
			version, _, _ = strings.Cut(version, "\r\n")
			test(t, source{addr, pikasim.Version(version), true})
		})
	}
}

// emptied deletes everything on a real server of this host.
func emptied(t *testing.T, variable, addr string) *redis.Client {
	t.Helper()
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		t.Fatalf("%s is %s, which is not on this host: it would lose its data", variable, addr)
	}
	c := client(t, addr, 0)
	if err := c.FlushAll(t.Context()).Err(); err != nil {
		t.Fatalf("empty %s: %v", addr, err)
	}
	return c
}

// client connects to a server.
func client(t *testing.T, addr string, db int) *redis.Client {
	c := redis.NewClient(&redis.Options{
		Addr: addr, DB: db, Protocol: 2, DisableIdentity: true, MaxRetries: -1,
		ReadTimeout: time.Minute, WriteTimeout: time.Minute,
	})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// do sends one command that must work.
func do(t *testing.T, c *redis.Client, args ...any) {
	t.Helper()
	if err := c.Do(t.Context(), args...).Err(); err != nil {
		t.Fatalf("%.200q: %v", args, err)
	}
}
