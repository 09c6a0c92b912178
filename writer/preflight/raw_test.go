package preflight

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2/server"
	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/minitarget"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/redisserver"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/testserver"
	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

func proveOn(t *testing.T, o target.Options) string {
	t.Helper()
	tg, err := target.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	why, err := ProveRaw(t.Context(), tg)
	if err != nil {
		t.Fatal(err)
	}
	return why
}

// TestProveRaw: a Kvrocks proves it, in each namespace, and nothing is left there.
func TestProveRaw(t *testing.T) {
	proves := func(t *testing.T, o target.Options) {
		if why := proveOn(t, o); why != "" {
			t.Error(why)
		}
	}
	empty := func(t *testing.T, c *redis.Client) {
		if keys := c.Keys(t.Context(), "*").Val(); len(keys) > 0 {
			t.Errorf("left: %q", keys)
		}
	}
	t.Run("simulated", func(t *testing.T) {
		k := minitarget.StartKvrocks(t, minitarget.Options{Password: "pw"})
		k.AddNamespace("one", "token")
		spaces := map[int]target.Keyspace{0: {}, 1: {Token: "token"}}
		proves(t, target.Options{Addr: k.Addr(), Password: "pw", Keyspaces: spaces})
		for _, password := range []string{"pw", "token"} {
			empty(t, redis.NewClient(&redis.Options{Addr: k.Addr(), Password: password, Protocol: 2, DisableIdentity: true}))
		}
		for _, fault := range k.Faults() {
			t.Error(fault)
		}
	})
	if addr := os.Getenv("KVROCKS_ADDR"); addr != "" {
		t.Run("kvrocks", func(t *testing.T) {
			c := testserver.Client(t, addr)
			c.FlushDB(t.Context())
			proves(t, target.Options{Addr: addr})
			empty(t, c)
		})
	}
}

// TestProveRawFails: a server that answers anything otherwise proves nothing, and is told to delete
// the keys.
func TestProveRawFails(t *testing.T) {
	for _, command := range []string{
		"COMMAND", "CLIENT", "APPLYBATCH", "GET", "APPEND", "HGETALL", "HSET", "HLEN", "LRANGE", "RPUSH", "LPUSH", "SMEMBERS", "SADD", "SCARD",
		"ZRANGE", "ZSCORE", "ZADD", "ZCARD", "XRANGE", "XADD", "XLEN", "TYPE", "PEXPIRETIME", "DEL",
	} {
		deleted := false
		k := minitarget.StartKvrocks(t, minitarget.Options{Before: func(c *server.Peer, cmd string, args ...string) bool {
			deleted = deleted || cmd == "DEL"
			if cmd != command || cmd == "CLIENT" && !strings.EqualFold(args[0], "INFO") {
				return false
			}
			c.WriteError("ERR what")
			return true
		}})
		if why := proveOn(t, target.Options{Addr: k.Addr()}); why == "" || deleted != (command != "COMMAND" && command != "CLIENT") {
			t.Errorf("%s refused: %q, deleted: %v", command, why, deleted)
		}
	}
}

// TestProveRawFull: a server that takes no writes, perhaps until there is room, proves nothing
// against itself.
func TestProveRawFull(t *testing.T) {
	for _, command := range []string{"HSET", "APPLYBATCH", "DEL"} {
		k := minitarget.StartKvrocks(t, minitarget.Options{Before: func(c *server.Peer, cmd string, _ ...string) bool {
			if cmd == command {
				c.WriteError("ERR IO error: No space left on device: While appending to file: 22.log")
			}
			return cmd == command
		}})
		tg, err := target.Open(t.Context(), target.Options{Addr: k.Addr()})
		if err != nil {
			t.Fatal(err)
		}
		if why, err := ProveRaw(t.Context(), tg); !errors.Is(err, conn.ErrOperator) {
			t.Errorf("%s refused: %q, %v", command, why, err)
		}
	}
}

// TestProveRawElsewhere: a Redis is not asked.
func TestProveRawElsewhere(t *testing.T) {
	if why := proveOn(t, target.Options{Addr: redisserver.Start(t).Addr}); why != "the target is a Redis" {
		t.Errorf("%q", why)
	}
}
