package readback

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/testserver"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// TestLastID: the entry with the greatest id, and others of its millisecond, are seen on every
// target, once; as the only ones, too.
func TestLastID(t *testing.T) {
	testserver.Each(t, func(t *testing.T, addr string, c *redis.Client) {
		v := open(t, addr)
		for _, first := range []string{"5-1", "", "18446744073709551615-3"} {
			c.Del(t.Context(), "last")
			entries := 0
			for _, add := range []string{first, target.LastID.String()} {
				if add == "" {
					continue
				}
				if err := c.Do(t.Context(), "XADD", "last", add, "f", add).Err(); err != nil {
					t.Fatal(err)
				}
				entries++
			}
			q := &question.Question{Kind: format.Stream, Key: b("last"), Head: true, Tail: true, Until: target.LastID, Entries: entries}
			rest := &question.Question{Kind: format.Stream, Key: b("last"), Tail: true, After: target.LastID, Until: target.LastID}
			ask(t, v, q, rest)
			if n := len(q.IDs); n != entries || len(q.Fields) != entries || q.IDs[n-1] != target.LastID || q.Fields[n-1][1] != target.LastID.String() || len(rest.IDs) > 0 {
				t.Errorf("behind %q: %+v, and behind it %+v", first, q, rest)
			}
			if elems, _ := readKey(t, v, "last"); len(elems) != entries || elems[entries-1] != "f"+target.LastID.String() {
				t.Errorf("behind %q: read %q", first, elems)
			}
		}
	})
}
