package dump

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/delta"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// countDiffers begins the reason of a dump that has other keys than the source counts.
const countDiffers = "the binlog positions before and after the dump are equal, but the source counts other keys: "

// countWait is how long the end of a dump waits for a count at least; at most as long as the dump
// took.
const countWait = time.Minute

// sourceCounts is the source's own count of its keys, which the dump is held against.
type sourceCounts struct {
	s       *reader.Scanner
	not     string // why the dump is not held against it; empty: it is
	started time.Time
	stop    context.CancelFunc
	found   func(m *format.Manifest, db int) listed // of a database
}

// startCounts has the source count its keys while the dump is made, unless that cannot tell
// anything. The binlog has not moved since the dump began: so the count is of the same keys, but
// for those that expire.
func startCounts(ctx context.Context, s *reader.Scanner, w *archive.Writer, o *Options) *sourceCounts {
	c := &sourceCounts{s: s, started: time.Now(), stop: func() {}, found: foundKeys}
	begun := format.Manifest{Info: w.Info, BinlogAfter: s.Source().Binlog}
	begun.Judge()
	switch {
	case o.Reader.NoCount:
		c.not = "--no-source-count"
	case o.Selection.isTrial() || o.Selection.Match != "":
		c.not = "not all keys were asked for"
	case !s.Source().Counts():
		c.not = "this version does not count by type"
	case begun.Consistency.Statement != format.NoWrites:
		c.not = "something may have been written"
	default:
		ctx, c.stop = context.WithCancel(ctx)
		s.StartCounts(ctx, w.Info.Options.Databases)
	}
	return c
}

// hold holds the totals of a dump against the count, and says in its consistency what came out.
func (c *sourceCounts) hold(ctx context.Context, m *format.Manifest, log io.Writer) error {
	if m.Consistency.Statement != format.NoWrites {
		return nil
	}
	if c.not == "" {
		waiting, stop := context.WithTimeoutCause(ctx, max(countWait, time.Since(c.started)), reader.ErrStillCounting)
		defer stop()
		held, err := c.compare(waiting, m, log)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case waiting.Err() != nil:
			c.not = reader.ErrStillCounting.Error()
		case err != nil:
			c.not = err.Error()
		default:
			m.Consistency = held
			return nil
		}
	}
	m.Consistency.Reason += "; not held against the source's own count: " + c.not
	return nil
}

// errWritten is why a count says nothing of a dump that it ended behind.
var errWritten = errors.New("something was written after the dump and before the end of the count")

// compare compares the totals with the count. One that somebody stopped shows old numbers, and
// keys expire between the count and their listing: so it is made anew, behind the dump, before it
// says that the dump is not whole.
func (c *sourceCounts) compare(ctx context.Context, m *format.Manifest, log io.Writer) (held format.Consistency, err error) {
	var differs []string
	permanent, uncounted := int64(0), []string{}
	for _, db := range m.Options.Databases {
		counts, err := c.s.Counted(ctx, db)
		if err != nil {
			return held, err
		}
		found := c.found(m, db)
		wrong := differences(m.Options.Types, found, counts, true)
		if wrong != nil {
			fmt.Fprintf(log, "db%d: %s; it counts again\n", db, strings.Join(wrong, ", "))
			if counts, err = c.s.Count(ctx, db); err != nil {
				return held, err
			}
			wrong = differences(m.Options.Types, found, counts, false)
		}
		for _, text := range wrong {
			differs = append(differs, fmt.Sprintf("db%d: %s", db, text))
		}
		for _, t := range m.Options.Types {
			if _, counted := found.countedIn(counts, t); counted {
				permanent += found[t].Permanent
			} else if name := plural(t); !slices.Contains(uncounted, name) {
				uncounted = append(uncounted, name)
			}
		}
	}
	now, err := c.s.BinlogPositions(ctx)
	if err != nil {
		return held, err
	}
	if !slices.Equal(now, m.BinlogAfter) {
		return held, errWritten
	}
	if differs != nil {
		return format.Consistency{Statement: format.CannotBeTold, Reason: countDiffers + strings.Join(differs, "; ")}, nil
	}
	held = m.Consistency
	held.Reason += fmt.Sprintf("; the source's own count has as many keys without expiry, %s, and no more with one", progress.Count(permanent))
	if len(uncounted) > 0 {
		held.Reason += "; not counted: " + strings.Join(uncounted, ", ")
	}
	return held, nil
}

// listed is what the listing of a database came to, by type.
type listed map[format.Type]delta.Listed

func (l listed) add(t format.Type, more delta.Listed) {
	was := l[t]
	l[t] = delta.Listed{
		Permanent: was.Permanent + more.Permanent, Expiring: was.Expiring + more.Expiring,
		Expired: was.Expired + more.Expired, Skipped: was.Skipped + more.Skipped,
	}
}

// foundKeys sums up the chunks of a database by type.
func foundKeys(m *format.Manifest, db int) listed {
	all := listed{}
	for _, c := range m.Chunks {
		if c.DB == db {
			all.add(c.Type, delta.Listed{Permanent: c.Keys - c.Expiring, Expiring: c.Expiring, Expired: c.Expired, Skipped: c.Skipped})
		}
	}
	return all
}

// countedIn returns the count to hold a type against, if there is one. Of streams, one that is
// skipped can stand for several (reader.Unlisted).
func (l listed) countedIn(counts reader.KeyCounts, t format.Type) (reader.KeyCount, bool) {
	n, ok := counts[t]
	return n, ok && (t != format.TypeStream || l[t].Skipped == 0)
}

// differences says where the source counts other keys than were found; expired: those count that
// had expired when they were read. A skipped key is one that was found, of which it is not known
// whether it has an expiry.
func differences(types []format.Type, all listed, counts reader.KeyCounts, expired bool) (texts []string) {
	for _, t := range types {
		f := all[t]
		n, ok := all.countedIn(counts, t)
		if !ok {
			continue
		}
		permanent, expiring, more := n.Keys-n.Expires, f.Expiring+f.Skipped, ""
		if expired {
			expiring += f.Expired
		}
		if f.Skipped > 0 {
			more = fmt.Sprintf(" (%s more in skipped.jsonl)", progress.Count(f.Skipped))
		}
		for _, x := range []struct {
			differ         bool
			counted, found int64
			with           string
		}{
			{permanent < f.Permanent-f.Skipped || permanent > f.Permanent+f.Skipped, permanent, f.Permanent, "without expiry"},
			{n.Expires > expiring, n.Expires, f.Expiring, "with an expiry"},
		} {
			if x.differ {
				texts = append(texts, fmt.Sprintf("the source counts %s %s, the dump has %s",
					progress.Plural(x.counted, string(t), plural(t)), x.with, progress.Count(x.found))+more)
			}
		}
	}
	return texts
}

// plural names the keys of a type.
func plural(t format.Type) string {
	return cmp.Or(map[format.Type]string{format.TypeHash: "hashes"}[t], string(t)+"s")
}
