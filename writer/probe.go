package writer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// probeTime is how long the keys of a probe live, should nobody delete them.
const probeTime = time.Minute

// Probe writes a string and a hash with an expiry at every place, reads them back and deletes them. Their names are
// random. In a cluster nothing is written: a place is of many nodes there.
func (l *Loader) Probe(ctx context.Context) error {
	if l.target.Mode != "standalone" {
		return nil
	}
	for _, db := range slices.Sorted(maps.Keys(l.options.Keyspaces)) {
		c, err := l.options.dial(ctx, l.options.Keyspaces[db])
		if err == nil {
			err = errors.Join(l.probe(ctx, c, db), c.Close())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (l *Loader) probe(ctx context.Context, c *conn, db int) error {
	defer context.AfterFunc(ctx, c.abort)()
	text, hash := probeKey(), probeKey()
	at := l.clock().Add(probeTime).UnixMilli()
	list := [][]any{
		{"SET", text, "v\x00\xff", "PXAT", at}, {"HSET", hash, "f", "v"}, {"PEXPIREAT", hash, at},
		{"GET", text}, {"HGET", hash, "f"}, {"PTTL", text}, {"PTTL", hash},
		{"DEL", text, hash},
	}
	replies, err := l.options.pipeline(ctx, c, list)
	if err != nil {
		return err
	}
	for i, r := range replies {
		if strings.HasPrefix(r.err, "NOPERM") {
			return nil // what the load needs was tried before: this user may do no more than that
		}
		if advice := stopsLoad(r.err); r.err != "" && advice != nil {
			return &causeError{ErrPreflight, fmt.Errorf("target %s refuses %s of a probe for database %d: %s: %w", l.options.Addr, list[i][0], db, shown(r.err), advice)}
		}
		if r.err != "" {
			return preflightError("target %s refuses %s of a probe for database %d: %s", l.options.Addr, list[i][0], db, shown(r.err))
		}
	}
	if replies[3].text != "v\x00\xff" || replies[4].text != "v" {
		return preflightError("target %s does not give back what a probe wrote for database %d (%q, %q): is something between that changes it?",
			l.options.Addr, db, shown(replies[3].text), shown(replies[4].text))
	}
	for _, r := range replies[5:7] {
		var left int64
		if _, err := fmt.Sscan(r.text, &left); err != nil || left <= 0 || left > (probeTime+2*time.Second).Milliseconds() {
			return preflightError("target %s says that a key of a probe for database %d, which expires in %v, lives %s ms", l.options.Addr, db, probeTime, shown(r.text))
		}
	}
	return nil
}
