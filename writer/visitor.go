package writer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// A Visitor reads and deletes keys of the target, at the place of one source database, over one
// connection. A context that ends cuts it. It is for one goroutine.
type Visitor struct {
	loader  *Loader
	db      int
	retry   RetryFunc
	route   *route // nil: none is open
	deletes bool   // from now on, it does not only read
	moved   bool   // something was answered since retry was asked

	wire     wire
	elements int // of the next page; 0: as many as it may have
}

// A RetryFunc is asked after an error that may pass by itself (ErrTransient) whether to try again: it
// waits and returns nil, or returns the error with which to end. Progress: something was
// answered since it was asked before.
type RetryFunc func(ctx context.Context, err error, progress bool) error

// Sleep waits as a RetryFunc or a Pacer has to: it returns before its time why ctx has ended.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// NewVisitor returns a Visitor, which connects when it is first used. Nothing that it sends does any
// harm when it is sent twice: as long as retry says so, commands are repeated over new
// connections. Nil repeats none.
func (l *Loader) NewVisitor(db int, retry RetryFunc) *Visitor {
	return &Visitor{loader: l, db: db, retry: retry}
}

// Close closes the connections.
func (v *Visitor) Close() error {
	r := v.route
	if v.route = nil; r == nil {
		return nil
	}
	return r.Close()
}

// A KeyInfo is what a target shows of a key at a glance.
type KeyInfo struct {
	Kind   format.Kind // 0: there is no such key
	Type   string      // as the target calls it; also of what no Kind stands for
	Length int64       // elements; bytes of a string
	Expire int64       // Unix ms; 0: never
}

// visited are the types that a Visitor reads, and what their length is asked with.
var visited = map[string]struct {
	kind   format.Kind
	length string
}{
	"string": {format.String, "STRLEN"}, "hash": {format.Hash, "HLEN"}, "list": {format.List, "LLEN"},
	"set": {format.Set, "SCARD"}, "zset": {format.Zset, "ZCARD"}, "stream": {format.Stream, "XLEN"},
}

// Look looks at keys.
func (v *Visitor) Look(ctx context.Context, keys [][]byte) ([]KeyInfo, error) {
	looks := make([]KeyInfo, len(keys))
	var types [][]any
	var asked []int
	for i, k := range keys {
		if err := v.repeat(ctx, func() error { return v.loader.learnBulk(ctx, k) }); err != nil {
			return nil, err
		}
		if looks[i].Type = "none"; v.loader.bulk.takes(len(k)) { // else it cannot be there
			types, asked = append(types, []any{"TYPE", k}), append(asked, i)
		}
	}
	replies, err := v.all(ctx, types)
	if err != nil {
		return nil, err
	}
	expiry, times := "PEXPIRETIME", [][]any{}
	if target := v.loader.target; !target.tellsExpiry() {
		if expiry = "PTTL"; target.tellsTime() {
			times = [][]any{{"TIME"}}
		}
	}
	asks := times
	var of []int
	for n, r := range replies {
		i := asked[n]
		looks[i].Type = fmt.Sprint(r)
		if t, ok := visited[looks[i].Type]; ok {
			looks[i].Kind = t.kind
			asks = append(asks, []any{t.length, keys[i]}, []any{expiry, keys[i]})
			of = append(of, i)
		}
	}
	if replies, err = v.all(ctx, append(asks, times...)); err != nil {
		return nil, err
	}
	now := int64(0) // by which a PTTL becomes a time
	if expiry == "PTTL" {
		if now, err = v.between(replies, len(times) > 0); err != nil {
			return nil, err
		}
	}
	replies = replies[len(times):]
	for n, i := range of {
		length, _ := replies[2*n].(int64)
		expire, _ := replies[2*n+1].(int64)
		looks[i].Length, looks[i].Expire = length, max(0, expire)
		if expire > 0 && now > 0 {
			looks[i].Expire = roundedExpiry(now, expire)
		}
		if expire == -2 { // it expired meanwhile
			looks[i] = KeyInfo{Type: "none"}
		}
	}
	return looks, nil
}

// Unchanged looks again at keys that were read after looks showed them, and returns an error if one is another by now, or has
// come: what was read of it may be of both. One whose time has come is as it was read.
func (v *Visitor) Unchanged(ctx context.Context, keys [][]byte, looks []KeyInfo) error {
	again, err := v.Look(ctx, keys)
	if err != nil {
		return err
	}
	about := int64(0) // by how many ms what is told of one expiry can differ
	if !v.loader.target.tellsExpiry() {
		about = 1500
	}
	for i, now := range again {
		was := looks[i]
		if now.Type == "none" && was.Expire > 0 {
			continue
		}
		apart := max(now.Expire-was.Expire, was.Expire-now.Expire)
		if now.Type != was.Type || now.Length != was.Length || (now.Expire == 0) != (was.Expire == 0) || apart > about {
			return fmt.Errorf("read key %s of target %s: %w", quote(keys[i]), v.loader.options.Addr, errChanged)
		}
	}
	return nil
}

// between returns the target's time in Unix ms while it gave replies, the first and the last of which may be to TIME.
func (v *Visitor) between(replies []any, timed bool) (int64, error) {
	if !timed || len(replies) == 0 {
		return v.loader.clock().UnixMilli(), nil
	}
	sum := int64(0)
	for _, reply := range []any{replies[0], replies[len(replies)-1]} {
		parts := texts(reply)
		if len(parts) != 2 {
			return 0, &CommandError{DB: v.db, Command: "TIME", Reply: show(reply), Err: errUnexpected}
		}
		ms, err := unixMilli(string(parts[0]), string(parts[1]))
		if err != nil {
			return 0, &CommandError{DB: v.db, Command: "TIME", Reply: show(reply), Err: errUnexpected}
		}
		sum += ms
	}
	return sum / 2, nil
}

// Delete deletes keys.
func (v *Visitor) Delete(ctx context.Context, keys [][]byte) error {
	dels := make([][]any, len(keys))
	for i, k := range keys {
		dels[i] = []any{"DEL", k}
	}
	v.deletes = true
	_, err := v.all(ctx, dels)
	return err
}

// Clear deletes everything at the place.
func (v *Visitor) Clear(ctx context.Context) error {
	v.deletes = true
	return v.repeat(ctx, func() error {
		if err := v.connect(ctx); err != nil {
			return err
		}
		defer context.AfterFunc(ctx, v.route.abort)()
		return v.route.each(ctx, func(c *conn) error {
			return v.route.under(c, func() error { return v.clear(c) })
		})
	})
}

// clear deletes everything on one server.
func (v *Visitor) clear(c *conn) error {
	err := c.Do(context.Background(), "FLUSHDB").Err()
	if reply, ok := errorReply(err); ok {
		return &CommandError{DB: v.db, Command: "FLUSHDB", Reply: reply, Err: cmp.Or(stopsLoad(reply), errUnexpected)}
	}
	if err != nil {
		return &CommandError{DB: v.db, Command: "FLUSHDB", Err: lost(err)}
	}
	return nil
}

// all sends commands at once, as often as it takes. An error reply is an error.
func (v *Visitor) all(ctx context.Context, commands [][]any) (replies []any, err error) {
	if len(commands) == 0 {
		return nil, nil
	}
	err = v.repeat(ctx, func() (err error) {
		replies, err = v.try(ctx, commands)
		return err
	})
	return replies, err
}

// repeat does something as often as it takes.
func (v *Visitor) repeat(ctx context.Context, do func() error) error {
	for {
		err := do()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil {
			v.moved = true
			return nil
		}
		if v.retry == nil || !errors.Is(err, ErrTransient) {
			return err
		}
		v.Close() // it is lost, or has replies under way
		if err := v.retry(ctx, err, v.moved); err != nil {
			return err
		}
		v.moved = false
	}
}

// connect opens a connection if there is none.
func (v *Visitor) connect(ctx context.Context) (err error) {
	if v.route == nil {
		v.route, err = v.loader.route(ctx, v.db, false)
	}
	if err == nil {
		v.route.changes = v.deletes
	}
	return err
}

// try sends commands at once.
func (v *Visitor) try(ctx context.Context, commands [][]any) ([]any, error) {
	if err := v.connect(ctx); err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, v.route.abort)()
	cmds, cmders := make([]*redis.Cmd, len(commands)), make([]redis.Cmder, len(commands))
	for i, c := range commands {
		cmds[i] = redis.NewCmd(ctx, c...)
		cmders[i] = cmds[i]
	}
	if err := v.route.exec(ctx, cmders); err != nil {
		return nil, &CommandError{DB: v.db, Command: cmds[0].Name(), Err: lost(err)}
	}
	replies := make([]any, len(cmds))
	for i, c := range cmds {
		val, err := c.Result()
		if reply, ok := errorReply(err); ok && err != redis.Nil {
			advice := stopsLoad(reply)
			if advice == nil {
				advice = errUnexpected
			}
			return nil, &CommandError{DB: v.db, Command: c.Name(), Reply: reply, Err: advice}
		} else if err != nil && err != redis.Nil {
			return nil, &CommandError{DB: v.db, Command: c.Name(), Err: lost(err)}
		}
		replies[i] = val
	}
	return replies, nil
}

func (v *Visitor) one(ctx context.Context, args ...any) (any, error) {
	replies, err := v.all(ctx, [][]any{args})
	if err != nil {
		return nil, err
	}
	return replies[0], nil
}

func texts(reply any) [][]byte {
	list, _ := reply.([]any)
	out := make([][]byte, len(list))
	for i := range list {
		s, _ := list[i].(string) // nil is what some versions show of an empty one
		out[i] = []byte(s)
	}
	return out
}
