package rollback

import (
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/leftout"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// counts are what shards came to.
type counts struct {
	removed     atomic.Int64
	restored    int64
	untouched   atomic.Int64 // units that the load never began
	changed     int64        // keys that are left
	older       atomic.Int64 // of these, those that the load may not have come to
	lists       []string     // of them
	refused     int64        // keys and members that the target does not take back
	refusedList string       // of the first shard with any
}

func (c *counts) summarize(s *summary.Summary) {
	s.Rollback = &summary.Rollback{Removed: c.removed.Load(), Restored: c.restored, Untouched: c.untouched.Load()}
	s.LeftOut = s.LeftOut[:0]
	list := ""
	if len(c.lists) > 0 {
		list = c.lists[0]
	}
	for _, kept := range []struct {
		reason string
		keys   int64
	}{{leftout.Changed, c.changed - c.older.Load()}, {leftout.Older, c.older.Load()}} {
		s.Leave(kept.reason, kept.keys, report.LoadReasons[kept.reason], true, list)
	}
	s.Leave(leftout.Refused, c.refused, report.LoadReasons[leftout.Refused], true, c.refusedList)
}

// notRestored is the error for what the target never takes back; nil: there is none.
func (c *counts) notRestored() error {
	if c.refused == 0 {
		return nil
	}
	return &exitcode.LeftOutError{Text: fmt.Sprintf("the load is undone, but the target refuses %s that it held before: see %s",
		progress.Plural(c.refused, "key or member", "keys and members"), c.refusedList)}
}

// left is the error for keys that were kept; nil: none. Shards begin anew together.
func (c *counts) left(sharded bool) error {
	if c.changed == 0 {
		return nil
	}
	var kept []string
	if n := c.changed - c.older.Load(); n > 0 {
		kept = append(kept, progress.Plural(n, "key", "keys")+" that others changed since")
	}
	if n := c.older.Load(); n > 0 {
		kept = append(kept, progress.Plural(n, "key", "keys")+" that the load may not have reached before it was stopped")
	}
	list := c.lists[0]
	if n := len(c.lists) - 1; n > 0 {
		list = fmt.Sprintf("%s and %d more", list, n)
	}
	next := ""
	if sharded {
		next = "; until they are gone the next load needs another --state"
	}
	if c.refused > 0 {
		next += fmt.Sprintf("; and the target refuses %s that it held before: see %s", progress.Plural(c.refused, "key or member", "keys and members"), c.refusedList)
	}
	return &exitcode.LeftOutError{Text: fmt.Sprintf("the load is undone, but for what was kept: %s: see %s; kvload rollback --force removes these, too%s",
		strings.Join(kept, ", and "), list, next)}
}
