package livewriter

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/pikasim"
	"github.com/pika2kvrocks/pika2kvrocks/reader/binlog"
)

// TestEveryCommand: the server takes every command of the table, and its binlog names every key
// that is there in the end.
func TestEveryCommand(t *testing.T) {
	for _, v := range []pikasim.Version{pikasim.V340, pikasim.V355, pikasim.V401} {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			s, err := pikasim.Start(pikasim.Options{Version: v, Databases: 2, Replication: true})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			commands := 5000
			if testing.Short() {
				commands = 2000
			}
			counts, err := Write(t.Context(), Options{
				Addr: s.Addr(), Databases: []int{0, 1}, Seed: 1, Commands: commands, Rate: 1e6, Grow: 20,
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Log(counts)
			for _, row := range templates(string(v)) {
				if counts.Taken[row[0]] == 0 {
					t.Errorf("%s was never taken; refused %d times", row, counts.Refused[row[0]])
				}
			}
			named := followed(t, s.Addr())
			for db := range 2 {
				c := redis.NewClient(&redis.Options{Addr: s.Addr(), DB: db, Protocol: 2, DisableIdentity: true})
				defer c.Close()
				keys, err := c.Keys(t.Context(), "*").Result()
				if err != nil || len(keys) < 100 {
					t.Fatalf("%d keys in database %d, %v", len(keys), db, err)
				}
				for _, key := range keys {
					if !named[db][key] {
						t.Errorf("database %d: the binlog does not name %q", db, key)
					}
				}
			}
		})
	}
}

// followed reads the whole binlog of two databases.
func followed(t *testing.T, addr string) (named [2]map[string]bool) {
	t.Helper()
	replicas, err := binlog.ReplicationAddr(addr)
	if err != nil {
		t.Fatal(err)
	}
	s, err := binlog.Dial(t.Context(), binlog.Options{Addr: replicas, From: []format.BinlogPosition{{DB: 0}, {DB: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := redis.NewClient(&redis.Options{Addr: addr, Protocol: 2, DisableIdentity: true})
	defer c.Close()
	info, err := c.Info(t.Context(), "replication").Result()
	if err != nil {
		t.Fatal(err)
	}
	named = [2]map[string]bool{{}, {}}
	for reached := 0; reached < len(named); {
		item, err := s.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range item.Names {
			named[item.Position.DB][string(name)] = true
		}
		reached = 0
		for db, p := range s.Positions() {
			line := regexp.MustCompile(fmt.Sprintf(`db%d.binlog_offset=%d %d,`, db, p.File, p.Offset))
			if line.MatchString(info) {
				reached++
			}
		}
	}
	return named
}
