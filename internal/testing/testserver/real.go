package testserver

import (
	"os"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/redisserver"
)

// Each runs a test against every real server there is: an empty redis-server,
// and the Kvrocks at KVROCKS_ADDR, whose keys it deletes.
func Each(t *testing.T, test func(t *testing.T, addr string, c *redis.Client)) {
	t.Run("redis", func(t *testing.T) {
		addr := redisserver.Start(t).Addr
		test(t, addr, Client(t, addr))
	})
	if addr := os.Getenv("KVROCKS_ADDR"); addr != "" {
		t.Run("kvrocks", func(t *testing.T) {
			c := Client(t, addr)
			if err := c.Do(t.Context(), "FLUSHDB").Err(); err != nil {
				t.Fatal(err)
			}
			test(t, addr, c)
		})
	}
}

// Client returns a client of the server at addr.
func Client(t *testing.T, addr string) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: addr, Protocol: 2, DisableIdentity: true})
	t.Cleanup(func() { _ = c.Close() })
	return c
}
