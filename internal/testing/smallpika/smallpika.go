// Package smallpika starts simulated Pikas with a few keys of every type, and reads what a dump
// of one holds.
package smallpika

import (
	"bytes"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
)

// Start starts a Pika for a test. A master has six keys.
func Start(t testing.TB, o pikasim.Options) *pikasim.Server {
	t.Helper()
	s := StartEmpty(t, o)
	if !o.Replica { // it takes no writes
		c := client(t, s.Addr(), o.Password)
		for _, line := range []string{"SET s1 one", "SET s2 two EX 10000", "HSET h f v", "RPUSH l a b", "SADD set m", "ZADD z 1.5 m"} {
			do(t, c, line)
		}
	}
	return s
}

// StartEmpty starts a Pika without keys.
func StartEmpty(t testing.TB, o pikasim.Options) *pikasim.Server {
	t.Helper()
	s, err := pikasim.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Client returns a client of a Pika without password.
func Client(t testing.TB, addr string) *redis.Client { return client(t, addr, "") }

func client(t testing.TB, addr, password string) *redis.Client {
	c := redis.NewClient(&redis.Options{Addr: addr, Protocol: 2, DisableIdentity: true, Password: password})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// Send sends commands, whose words have spaces between them.
func Send(t testing.TB, addr string, commands ...string) {
	t.Helper()
	c := Client(t, addr)
	for _, line := range commands {
		do(t, c, line)
	}
}

func do(t testing.TB, c *redis.Client, line string) {
	t.Helper()
	args := []any{}
	for _, a := range strings.Fields(line) {
		args = append(args, a)
	}
	if err := c.Do(t.Context(), args...).Err(); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
}

// Line returns a command in capitals.
func Line(args [][]byte) string { return strings.ToUpper(string(bytes.Join(args, []byte(" ")))) }

// IsOfScan reports whether the command is one of the scan, which begins with the words in
// capitals, and not of the proof that the account may send it.
func IsOfScan(args [][]byte, words string) bool {
	line := Line(args)
	return strings.HasPrefix(line, words) && !strings.Contains(line, "PIKADUMP:PROBE")
}

// Answer returns an Intercept that answers the commands that begin with one of the prefixes, in
// capitals, with raw replies; where a reply is empty it cuts the connection.
func Answer(replies map[string]string) func(int, [][]byte) ([]byte, bool, bool) {
	return func(_ int, args [][]byte) ([]byte, bool, bool) {
		line := Line(args)
		for prefix, reply := range replies {
			if strings.HasPrefix(line, prefix) {
				return []byte(reply), true, reply == ""
			}
		}
		return nil, false, false
	}
}

// Dumped returns the manifest of a finished dump and the names of its keys by type.
func Dumped(t testing.TB, dir string) (*format.Manifest, map[format.Type][]string) {
	t.Helper()
	a, err := archive.Open(t.Context(), dir, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	keys := map[format.Type][]string{}
	for _, db := range a.Manifest.Options.Databases {
		err := a.Keys(db, func(format.ChunkInfo) bool { return true }, func(key []byte, types []format.Type) error {
			for _, typ := range types {
				keys[typ] = append(keys[typ], string(key))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return a.Manifest, keys
}
