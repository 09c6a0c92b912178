package history

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/testing/redisserver"
)

// maxBulk is proto-max-bulk-len of the target, the least that a Redis takes.
const maxBulk = 1 << 20

// databases is how many histories there are at a target at once, at the most.
const databases = 4

// A target is a redis-server, whose databases are lent to histories.
type target struct {
	addr string
	free chan int
}

func startTarget(t *testing.T) *target {
	t.Helper()
	s := redisserver.Start(t, "--zset-max-listpack-entries", "0", "--proto-max-bulk-len", strconv.Itoa(maxBulk), "--databases", strconv.Itoa(databases))
	to := &target{s.Addr, make(chan int, databases)}
	for db := range databases {
		to.free <- db
	}
	return to
}

// borrow empties a database and lends it until the end of the history.
func (to *target) borrow(h *history) (db int, c *redis.Client) {
	h.Helper()
	db = <-to.free
	h.Cleanup(func() { to.free <- db })
	c = redis.NewClient(&redis.Options{Addr: to.addr, DB: db, Protocol: 2, DisableIdentity: true, MaxRetries: -1})
	h.Cleanup(func() { _ = c.Close() })
	h.must(c.FlushDB(context.Background()).Err())
	return db, c
}

// write writes a key anew.
func write(c *redis.Client, key string, v *value) {
	ctx := context.Background()
	pipe := c.Pipeline()
	pipe.Do(ctx, "DEL", key)
	for _, cmd := range v.commands(key) {
		pipe.Do(ctx, cmd...)
	}
	if v.expire != 0 {
		pipe.Do(ctx, "PEXPIREAT", key, v.expire)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		panic(fmt.Sprintf("write %q: %v", key, err))
	}
}

var kindOf = map[string]format.Kind{
	"string": format.String, "hash": format.Hash, "list": format.List, "set": format.Set, "zset": format.Zset, "stream": format.Stream,
}

// holds reads all that a database holds.
func holds(c *redis.Client) map[string]*value {
	ctx := context.Background()
	must := func(err error) {
		if err != nil && err != redis.Nil {
			panic(fmt.Sprintf("read the target: %v", err))
		}
	}
	names, err := c.Keys(ctx, "*").Result()
	must(err)
	pipe := c.Pipeline()
	types, expiries := make([]*redis.StatusCmd, len(names)), make([]*redis.Cmd, len(names))
	for i, name := range names {
		types[i], expiries[i] = pipe.Type(ctx, name), pipe.Do(ctx, "PEXPIRETIME", name)
	}
	_, err = pipe.Exec(ctx)
	must(err)
	read := make([]*redis.Cmd, len(names))
	for i, name := range names {
		args := map[string][]any{
			"string": {"GET", name}, "hash": {"HGETALL", name}, "list": {"LRANGE", name, 0, -1}, "set": {"SMEMBERS", name},
			"zset": {"ZRANGE", name, 0, -1, "WITHSCORES"}, "stream": {"XRANGE", name, "-", "+"},
		}[types[i].Val()]
		read[i] = pipe.Do(ctx, args...)
	}
	_, err = pipe.Exec(ctx)
	must(err)
	all := map[string]*value{}
	for i, name := range names {
		v := &value{kind: kindOf[types[i].Val()]}
		if v.expire, _ = expiries[i].Int64(); v.expire == -1 {
			v.expire = 0
		}
		v.take(read[i].Val())
		if v.kind == format.Stream {
			info, err := c.Do(ctx, "XINFO", "STREAM", name).Slice()
			must(err)
			v.takeState(info)
		}
		all[name] = v
	}
	return all
}

// take takes what a server answers.
func (v *value) take(reply any) {
	if v.kind == format.String {
		v.text = reply.(string)
		return
	}
	list := reply.([]any)
	switch v.kind {
	case format.Stream:
		for _, e := range list {
			pair := e.([]any)
			var fields []string
			for _, f := range pair[1].([]any) {
				fields = append(fields, f.(string))
			}
			v.elems = append(v.elems, element{pair[0].(string), joined(fields)})
		}
	case format.List:
		for _, e := range list {
			v.elems = append(v.elems, element{value: e.(string)})
		}
	case format.Set:
		for _, e := range list {
			v.elems = append(v.elems, element{name: e.(string)})
		}
	default:
		for pair := range slices.Chunk(list, 2) {
			e := element{pair[0].(string), pair[1].(string)}
			if v.kind == format.Zset {
				f, _ := strconv.ParseFloat(e.value, 64)
				e.value = score(f)
			}
			v.elems = append(v.elems, e)
		}
	}
	if !v.ordered() {
		sort.Slice(v.elems, func(i, j int) bool { return v.elems[i].name < v.elems[j].name })
	}
}

// takeState takes what XINFO STREAM answers.
func (v *value) takeState(info []any) {
	for pair := range slices.Chunk(info, 2) {
		switch pair[0] {
		case "last-generated-id":
			v.state.LastID = parseID(pair[1].(string))
		case "max-deleted-entry-id":
			v.state.MaxDeletedID = parseID(pair[1].(string))
		case "entries-added":
			v.state.EntriesAdded = uint64(pair[1].(int64))
		case "groups":
			v.groups = pair[1].(int64)
		}
	}
}
