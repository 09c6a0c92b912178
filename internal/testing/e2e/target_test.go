package e2e

import (
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/redisserver"
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

// eachKvrocks runs a test with a simulated Kvrocks, and a real one if there is one.
func eachKvrocks(t *testing.T, test func(t *testing.T, to target)) {
	t.Run("to simulated kvrocks", func(t *testing.T) {
		k := minitarget.StartKvrocks(t, minitarget.Options{})
		test(t, target{addr: k.Addr(), kvrocks: true})
		for _, fault := range k.Faults() {
			t.Error(fault)
		}
	})
	if addr := os.Getenv("KVROCKS_ADDR"); addr != "" {
		t.Run("to kvrocks", func(t *testing.T) {
			emptied(t, "KVROCKS_ADDR", addr)
			test(t, target{addr: addr, kvrocks: true})
		})
	}
}

// startRedis starts a redis-server of its own. Its zsets keep scores as numbers: in the form
// that it has for small ones, -0 becomes 0.
func startRedis(t *testing.T) target {
	t.Helper()
	return target{addr: redisserver.Start(t, "--zset-max-listpack-entries", "0").Addr}
}
