package readback

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/testserver"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
)

// TestLastID: the entry with the greatest id is seen on every target, once; as the only one, too.
func TestLastID(t *testing.T) {
	testserver.Each(t, func(t *testing.T, addr string, c *redis.Client) {
		v := open(t, addr)
		for _, first := range []string{"5-1", ""} {
			c.Del(t.Context(), "last")
			entries := 0
			for _, add := range []string{first, lastID.String()} {
				if add == "" {
					continue
				}
				if err := c.Do(t.Context(), "XADD", "last", add, "f", add).Err(); err != nil {
					t.Fatal(err)
				}
				entries++
			}
			q := &question.Question{Kind: format.Stream, Key: b("last"), Head: true, Tail: true, Until: lastID, Entries: entries}
			rest := &question.Question{Kind: format.Stream, Key: b("last"), Tail: true, After: lastID, Until: lastID}
			ask(t, v, q, rest)
			if n := len(q.IDs); n != entries || len(q.Fields) != entries || q.IDs[n-1] != lastID || q.Fields[n-1][1] != lastID.String() || len(rest.IDs) > 0 {
				t.Errorf("behind %q: %+v, and behind it %+v", first, q, rest)
			}
			if elems, _ := readKey(t, v, "last"); len(elems) != entries || elems[entries-1] != "f"+lastID.String() {
				t.Errorf("behind %q: read %q", first, elems)
			}
		}
	})
}
