package e2e

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// maxShown is how many differences are shown before a test gives up.
const maxShown = 20

// A checker compares what a target holds with what it must hold.
type checker struct {
	t       *testing.T
	c       redis.UniversalClient
	kvrocks bool
	pending []check
	pipe    redis.Pipeliner
	size    int
	want    map[string]bool // the name of every key that must be there
	shown   int
}

// A check is a key whose value has been asked for.
type check struct {
	r             *record
	value, expire *redis.Cmd
	state         *redis.Cmd // of streams
}

func newChecker(t *testing.T, to target, db int) *checker {
	c := to.client(t, db)
	return &checker{t: t, c: c, kvrocks: to.kvrocks, pipe: c.Pipeline(), want: map[string]bool{}}
}

// verify checks that the target holds the model, but for its hyperloglogs, and nothing else.
func (m *model) verify(t *testing.T, to target, db int) {
	t.Helper()
	c := newChecker(t, to, db)
	for i := range m.keys {
		if r := m.record(i); r.Kind != format.HyperLogLog {
			c.key(r)
		}
	}
	c.done()
}

// key checks a key. The answer comes with a later call.
func (c *checker) key(r *record) {
	c.t.Helper()
	ctx := c.t.Context()
	k := check{r: r}
	switch r.Kind {
	case format.String:
		k.value = c.pipe.Do(ctx, "GET", r.Key)
	case format.Hash:
		k.value = c.pipe.Do(ctx, "HGETALL", r.Key)
	case format.List:
		k.value = c.pipe.Do(ctx, "LRANGE", r.Key, 0, -1)
	case format.Set:
		k.value = c.pipe.Do(ctx, "SMEMBERS", r.Key)
	case format.Zset:
		k.value = c.pipe.Do(ctx, "ZRANGE", r.Key, 0, -1, "WITHSCORES")
	case format.Stream:
		k.value = c.pipe.Do(ctx, "XRANGE", r.Key, "-", "+")
		k.state = c.pipe.Do(ctx, "XINFO", "STREAM", r.Key)
	}
	k.expire = c.pipe.Do(ctx, "PEXPIRETIME", r.Key)
	c.want[string(r.Key)] = true
	c.pending = append(c.pending, k)
	c.size += r.Size()
	if len(c.pending) >= 500 || c.size >= 4<<20 {
		c.flush()
	}
}

// flush compares what has been asked for.
func (c *checker) flush() {
	c.t.Helper()
	if _, err := c.pipe.Exec(c.t.Context()); err != nil && !errors.Is(err, redis.Nil) && !isReply(err) {
		c.t.Fatalf("read the target: %v", err)
	}
	for _, k := range c.pending {
		c.compare(&k)
	}
	c.pending, c.size = c.pending[:0], 0
}

func isReply(err error) bool {
	var re redis.Error
	return errors.As(err, &re)
}

func (c *checker) compare(k *check) {
	c.t.Helper()
	if err := k.value.Err(); err != nil {
		c.wrong("%s %.80q: %v", k.r.Kind, k.r.Key, err)
		return
	}
	got := k.value.Val()
	if diff := difference(k.r, got, c.kvrocks); diff != "" {
		c.wrong("%s %.80q of %d elements: %s", k.r.Kind, k.r.Key, k.r.Elements(), diff)
	}
	want := k.r.Expire
	if want == 0 {
		want = -1
	}
	if at, err := k.expire.Int64(); err != nil || at != want {
		c.wrong("%s %.80q expires at %d, want %d (%v)", k.r.Kind, k.r.Key, at, want, err)
	}
	if k.state != nil {
		if diff := stateDifference(k.r.State, k.state); diff != "" {
			c.wrong("stream %.80q: %s", k.r.Key, diff)
		}
	}
}

// wrong reports a difference, and gives up when there are many.
func (c *checker) wrong(text string, args ...any) {
	c.t.Helper()
	c.t.Errorf(text, args...)
	if c.shown++; c.shown == maxShown {
		c.t.Fatal("and maybe more")
	}
}

// isProbe reports whether a key is what a run left that was killed while it proved that the target
// reads raw batches. It expires by itself.
func (c *checker) isProbe(name string) bool {
	return strings.HasPrefix(name, "kvload-probe-") && c.c.PTTL(c.t.Context(), name).Val() > 0
}

// done compares the rest, and the names of all keys.
func (c *checker) done() {
	c.t.Helper()
	c.flush()
	there := scan(c.t, c.c)
	for name := range there {
		if !c.want[name] && !c.isProbe(name) {
			c.wrong("%.80q should not be there", name)
		}
	}
	for name := range c.want {
		if !there[name] {
			c.wrong("%.80q is not listed", name)
		}
	}
}

// scan lists all keys of a target.
func scan(t *testing.T, c redis.UniversalClient) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	if all, ok := c.(*redis.ClusterClient); ok {
		var mu sync.Mutex
		err := all.ForEachMaster(t.Context(), func(_ context.Context, one *redis.Client) error {
			there := scan(t, one)
			mu.Lock()
			defer mu.Unlock()
			maps.Copy(names, there)
			return nil
		})
		if err != nil {
			t.Fatalf("scan the target: %v", err)
		}
		return names
	}
	for cursor := uint64(0); ; {
		page, next, err := c.Scan(t.Context(), cursor, "", 1000).Result()
		if err != nil {
			t.Fatalf("scan the target: %v", err)
		}
		for _, name := range page {
			names[name] = true
		}
		if next == 0 {
			return names
		}
		cursor = next
	}
}

// mustHold checks that the target holds exactly these keys, whatever their values.
func mustHold(t *testing.T, to target, db int, names ...string) {
	t.Helper()
	got := slices.Sorted(maps.Keys(scan(t, client(t, to.addr, db))))
	slices.Sort(names)
	if !slices.Equal(got, names) {
		t.Errorf("the target holds %q, want %q", got, names)
	}
}
