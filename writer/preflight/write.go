package preflight

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// probeTime is how long the keys of a probe live, should nobody delete them.
const probeTime = time.Minute

// Probe writes a string and a hash with an expiry in every keyspace, reads them back and deletes
// them. Their names are random. In a cluster nothing is written: a keyspace is of many nodes there.
func Probe(ctx context.Context, t *target.Target) error {
	if t.IsCluster() {
		return nil
	}
	o := t.Options()
	for _, db := range o.Databases() {
		c, err := o.Dial(ctx, o.Keyspaces[db])
		if err != nil {
			return err
		}
		err = probe(ctx, c, db, t.Clock())
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
