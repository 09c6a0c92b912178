package preflight

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// probeKey is the name that commands are tried with: random, so that it is nobody's.
func probeKey() string { return target.ProbePrefix + rand.Text() }

// needed returns the commands of a load, with arguments that a server which parses them takes.
func (need *Need) needed(key string, now time.Time) [][]any {
	at := now.Add(time.Hour).UnixMilli()
	list := [][]any{{"DEL", key}}
	for _, t := range need.Types {
		switch t {
		case format.TypeString:
			list = append(list, []any{"SET", key, "v", "PXAT", at}, []any{"MSET", key, "v"}, []any{"APPEND", key, "v"}, []any{"STRLEN", key})
		case format.TypeHash:
			list = append(list, []any{"HSET", key, "f", "v"}, []any{"HLEN", key})
		case format.TypeList:
			list = append(list, []any{"RPUSH", key, "v"}, []any{"LLEN", key})
		case format.TypeSet:
			list = append(list, []any{"SADD", key, "v"}, []any{"SCARD", key})
		case format.TypeZset:
			list = append(list, []any{"ZADD", key, "1", "v"}, []any{"ZCARD", key})
		case format.TypeStream:
			list = append(list, []any{"XADD", key, "1-1", "f", "v"}, []any{"XSETID", key, "1-1", "ENTRIESADDED", "1", "MAXDELETEDID", "0-0"},
				[]any{"XLEN", key}, []any{"XREVRANGE", key, "+", "-", "COUNT", "1"})
		}
	}
	if need.Expiring > 0 {
		list = append(list, []any{"PEXPIREAT", key, at})
	}
	return list
}

// probe has each command of the load queued behind a MULTI, and discards them all: the server looks
// up its name, the right to it and, if it is a Kvrocks, its arguments, and runs none (SERVERS.md
// K15). The commands are sent only when a PING was queued.
func (f *Facts) probe(ctx context.Context, c *conn.Conn, need *Need) error {
	key := probeKey()
	first, err := c.Pipeline(ctx, []any{"MULTI"}, []any{"PING"})
	if err != nil {
		return c.Refused("MULTI", err)
	}
	multi, ping := &first[0], &first[1]
	switch {
	case multi.IsError():
		f.NoProbe = multi.Text
	case ping.IsError():
		f.NoProbe = ping.Text
	case ping.Text != "QUEUED":
		f.NoProbe = "PING behind MULTI is answered, not queued"
	}
	if f.NoProbe != "" {
		return nil // the connection is not used again
	}
	list := need.needed(key, time.Now())
	if need.Skip {
		list = append(list, []any{"EXISTS", key})
	}
	rest, err := c.Pipeline(ctx, append(list, []any{"DISCARD"})...)
	if err != nil {
		return c.Refused("MULTI", err)
	}
	if discard := &rest[len(list)]; discard.IsError() {
		return conn.Preflightf("target %s answers DISCARD with %s", c.Addr(), discard)
	}
	f.Probed, f.Refused = len(list), map[string]string{}
	for i := range list {
		if r := &rest[i]; r.IsError() && !isKnown(r.Text) {
			f.Refused[list[i][0].(string)] = r.Text
		}
	}
	return nil
}

// isKnown reports whether an error reply to a command behind MULTI says that the server knows it:
// it is not for transactions, or the key is another node's.
func isKnown(reply string) bool {
	reply = strings.TrimPrefix(reply, "ERR ") // Kvrocks 2.6 (SERVERS.md K12)
	begins := func(with string) bool { return strings.HasPrefix(reply, with) }
	return slices.ContainsFunc([]string{"Can't execute", "MOVED ", "CLUSTERDOWN", "TRYAGAIN"}, begins)
}

// probeTime is how long the keys of a probe live, should nobody delete them.
const probeTime = time.Minute

// Probe writes a string and a hash with an expiry in every keyspace, reads them back and deletes
// them. Their names are random. In a cluster nothing is written: a keyspace is of many nodes there.
func Probe(ctx context.Context, t *target.Target) error {
	if t.IsCluster() {
		return nil
	}
	return eachKeyspace(ctx, t, func(c *conn.Conn, db int) error { return probe(ctx, c, db, t.Clock()) })
}

// eachKeyspace does something over a connection to each keyspace of a server that stands alone.
func eachKeyspace(ctx context.Context, t *target.Target, do func(c *conn.Conn, db int) error) error {
	o := t.Options()
	for _, db := range o.Databases() {
		c, err := o.Dial(ctx, o.Keyspaces[db])
		if err != nil {
			return err
		}
		err = do(c, db)
		c.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func probe(ctx context.Context, c *conn.Conn, db int, now time.Time) error {
	text, hash := probeKey(), probeKey()
	at := now.Add(probeTime).UnixMilli()
	list := [][]any{
		{"SET", text, "v\x00\xff", "PXAT", at}, {"HSET", hash, "f", "v"}, {"PEXPIREAT", hash, at},
		{"GET", text}, {"HGET", hash, "f"}, {"PTTL", text}, {"PTTL", hash},
		{"DEL", text, hash},
	}
	replies, err := c.Pipeline(ctx, list...)
	if err != nil {
		return c.Refused("SET", err)
	}
	for i := range replies {
		r := &replies[i]
		if !r.IsError() {
			continue
		}
		if strings.HasPrefix(r.Text, "NOPERM") {
			return nil // what the load needs was tried before: this user may do no more than that
		}
		err := fmt.Errorf("target %s refuses %s of a probe for database %d: %s", c.Addr(), list[i][0], db, conn.Shown(r.Text))
		if advice := conn.Fatal(r.Text); advice != nil {
			err = fmt.Errorf("%w: %w", err, advice)
		}
		return conn.Mark(conn.ErrPreflight, err)
	}
	if !replies[3].Is("v\x00\xff") || !replies[4].Is("v") {
		return conn.Preflightf("target %s does not give back what a probe wrote for database %d (%q, %q): is something between that changes it?",
			c.Addr(), db, conn.Shown(replies[3].String()), conn.Shown(replies[4].String()))
	}
	for i := range replies[5:7] {
		left, ok := replies[5+i].Integer()
		if !ok || left <= 0 || left > (probeTime+2*time.Second).Milliseconds() {
			return conn.Preflightf("target %s says that a key of a probe for database %d, which expires in %v, lives %s ms",
				c.Addr(), db, probeTime, conn.Shown(replies[5+i].String()))
		}
	}
	return nil
}
