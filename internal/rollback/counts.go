package rollback

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/leftout"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
	"github.com/pika2kvrocks/pika2kvrocks/internal/summary"
)

// counts are what shards came to.
type counts struct {
	removed, restored int64
	untouched         int64    // units that the load never began
	changed           int64    // keys that are left
	older             int64    // of these, those that the load may not have come to
	lists             []string // of them
	refused           int64    // keys and members that the target does not take back
	refusedList       string   // of the first shard with any
}

func (c *counts) add(b *undoing) {
	c.removed, c.restored, c.untouched = c.removed+b.removed.Load(), c.restored+b.restored, c.untouched+b.untouched.Load()
	if b.refused > 0 {
		c.refused, c.refusedList = c.refused+b.refused, cmp.Or(c.refusedList, b.refusedList)
	}
	if n := b.report.Lines(); n > 0 {
		c.changed, c.older = c.changed+n, c.older+b.older.Load()
		c.lists = append(c.lists, b.report.Path)
	}
}

// summarize says what was done so far.
func (c *counts) summarize(s *summary.Summary) {
	s.Rollback = &summary.Rollback{Removed: c.removed, Restored: c.restored, Untouched: c.untouched}
	s.LeftOut = s.LeftOut[:0]
	list := ""
	if len(c.lists) > 0 {
		list = c.lists[0]
	}
	for _, kept := range []struct {
		reason string
		keys   int64
	}{{leftout.Changed, c.changed - c.older}, {leftout.Older, c.older}} {
		s.Leave(kept.reason, kept.keys, report.LoadReasons[kept.reason], true, list)
	}
	s.Leave(leftout.Refused, c.refused, report.LoadReasons[leftout.Refused], true, c.refusedList)
}

// notRestored is the error for what the target does not take back; nil: there is none. Another
// rollback would not bring it there.
func (c *counts) notRestored() error {
	if c.refused == 0 {
		return nil
	}
	return &exitcode.LeftOutError{Text: fmt.Sprintf("the load is undone, but the target refuses %s that it held before: see %s",
		progress.Plural(c.refused, "key or member", "keys and members"), c.refusedList)}
}

// left is the error for keys that were kept; nil: none were. Sharded says that the load had shards,
// which begin anew together.
func (c *counts) left(sharded bool) error {
	if c.changed == 0 {
		return nil
	}
	var kept []string
	if n := c.changed - c.older; n > 0 {
		kept = append(kept, progress.Plural(n, "key", "keys")+" that others changed since")
	}
	if c.older > 0 {
		kept = append(kept, progress.Plural(c.older, "key", "keys")+" that the load may not have reached before it was stopped")
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
