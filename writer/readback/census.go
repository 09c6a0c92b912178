package readback

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
	"github.com/pika2kvrocks/pika2kvrocks/writer/question"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// A Census has a Kvrocks count the keys of a keyspace, over a connection of its own, and sees that
// nothing is written to the server from its begin on (SERVERS.md K10).
type Census struct {
	target *target.Target
	conn   *conn.Conn
	write  string // the last one, by its number

	asked time.Time // for a count; zero: for none
	last  string    // how INFO showed the last count when this one had been asked for
	count question.Count
}

// askAgain is how long after a count was asked for it is asked for again if none is seen: one in
// the same second as another before looks like that one.
const askAgain = 1100 * time.Millisecond

// NewCensus begins a Census. It is an error if the server does not count, or would go through more
// than most keys for it.
func NewCensus(ctx context.Context, t *target.Target, db int, most int64) (*Census, error) {
	k := t.Options().Keyspaces[db]
	if !t.ScansInOrder() || t.IsCluster() || k.DB != 0 {
		return nil, errors.New("the target does not count the keys of this keyspace")
	}
	one, err := t.Options().Dial(ctx, k)
	if err != nil {
		return nil, err
	}
	c := &Census{target: t, conn: one}
	info, err := one.Info(ctx, "rocksdb")
	if n, e := strconv.ParseInt(info["estimate_keys[metadata]"], 10, 64); err == nil && (e != nil || n > most) {
		err = errors.New("the server has more keys")
	}
	if err == nil {
		c.write, err = one.LastWrite(ctx)
	}
	if err == nil && c.write == "" {
		err = errors.New("the target is no master")
	}
	if err != nil {
		one.Close()
		return nil, err
	}
	return c, nil
}

// Close closes the connection.
func (c *Census) Close() { c.conn.Close() }

// Look returns a count that was begun after NewCensus, if it is done, and has one made if not. An
// error says why there is none: something was written meanwhile, or the connection was lost.
func (c *Census) Look(ctx context.Context) (n question.Count, done bool, err error) {
	last, counted, err := c.info(ctx)
	if err == nil && !c.asked.IsZero() && last != c.last {
		_, counted, err = c.info(ctx) // which may have shown the numbers before, with the time behind
	}
	if err == nil { // behind the count that was seen
		err = c.unwritten(ctx)
	}
	switch {
	case err != nil:
		return n, false, err
	case c.asked.IsZero() || last == c.last && time.Since(c.asked) > askAgain:
		return n, false, c.ask(ctx)
	case last == c.last:
		return n, false, nil
	case c.count.Until == 0:
		counted.From = c.count.From
		counted.Until, err = c.time(ctx)
		c.count = counted
	}
	return c.count, true, err
}

// unwritten returns an error if something was written since the Census began.
func (c *Census) unwritten(ctx context.Context) error {
	write, err := c.conn.LastWrite(ctx)
	if err == nil && write != c.write {
		err = errors.New("something was written to the target meanwhile")
	}
	return err
}

// ask asks for a count. What the server shows as another than the last one from then on was begun
// behind that: it counts a keyspace once at a time, and refuses while it does.
func (c *Census) ask(ctx context.Context) error {
	from, err := c.time(ctx)
	if err != nil {
		return err
	}
	_, err = c.conn.Text(ctx, "DBSIZE", "SCAN")
	if reply, ok := conn.AsReply(err); ok && strings.Contains(reply, "scanning") {
		return nil
	}
	first := c.asked.IsZero()
	if c.asked = time.Now(); err == nil && first {
		c.count.From = from
		c.last, _, err = c.info(ctx)
	}
	return err
}

// info returns how INFO shows when keys were counted last, and the count.
func (c *Census) info(ctx context.Context) (last string, n question.Count, err error) {
	text, err := c.conn.Text(ctx, "INFO", "keyspace")
	if err != nil {
		return "", n, err
	}
	last, counts, _ := strings.Cut(text, "db0:")
	if _, err = fmt.Sscanf(counts, "keys=%d,expires=%d,", &n.Keys, &n.Expiring); err != nil {
		return "", n, fmt.Errorf("INFO keyspace of target %s shows no count of keys", c.target.Addr)
	}
	return last, n, nil
}

func (c *Census) time(ctx context.Context) (ms int64, err error) {
	reply, err := c.conn.Do(ctx, "TIME")
	if err != nil {
		return 0, err
	}
	ms, err = target.Micros(reply)
	return ms / 1000, err
}

// Sees returns nil if all connections that read are to the server that counts, and none was lost.
func (c *Census) Sees(ctx context.Context) error {
	one, err := c.target.IsOne(ctx, c.conn)
	if err == nil && !one {
		err = errors.New("the target does not list all connections to it")
	}
	return err
}
