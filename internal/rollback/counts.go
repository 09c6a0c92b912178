package rollback

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// counts are what shards came to.
type counts struct {
	removed, restored int64
	untouched         int64    // units that the load never began
	changed           int64    // keys that are left
	older             int64    // of these, those that the load may not have come to
	lists             []string // of them
}

func (c *counts) add(b *undoing) {
	c.removed, c.restored, c.untouched = c.removed+b.removed.Load(), c.restored+b.restored, c.untouched+b.untouched.Load()
	if n := b.report.Lines(); n > 0 {
		c.changed, c.older = c.changed+n, c.older+b.older.Load()
		c.lists = append(c.lists, b.report.Path)
	}
}

// show shows what was done.
func (c *counts) show(w io.Writer, took time.Duration) {
	fmt.Fprintf(w, "removed %s and put %s back, in %s\n", progress.Plural(c.removed, "key", "keys"), progress.Count(c.restored), progress.Duration(max(time.Second, took)))
	if c.untouched > 0 {
		fmt.Fprintf(w, "the load never began %s of the dump: what the target holds under the names there is left as it is\n", progress.Plural(c.untouched, "chunk", "chunks"))
	}
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
	return &exitcode.LeftOutError{Text: fmt.Sprintf("the load is undone, but for what was kept: %s: see %s; kvload rollback --force removes these, too%s",
		strings.Join(kept, ", and "), list, next)}
}
