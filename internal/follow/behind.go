package follow

import (
	"fmt"
	"strings"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

const (
	// leastBehind is how far a run is behind before it says so, but not before three intervals.
	leastBehind = time.Minute
	// caughtUp is which part of that it is behind when it says that it has caught up.
	caughtUp = 0.5
)

// A laggard says that a run falls behind, again whenever that has doubled, and when it has caught
// up. One that begins far behind need not say so.
type laggard struct {
	least float64 // seconds
	next  float64 // at which it says so; 0: nothing is known yet
}

func newLaggard(interval time.Duration) *laggard {
	least := max(leastBehind, 3*interval).Seconds()
	return &laggard{least: least}
}

// says returns a message; empty: there is nothing to say.
func (g *laggard) says(s progress.Snapshot, kept reader.BinlogKept) string {
	l := s.Lag
	switch {
	case l == nil:
		return ""
	case g.next == 0:
		g.next = max(g.least, 2*l.Seconds)
		return ""
	case g.next > g.least && l.Seconds < caughtUp*g.least:
		g.next = g.least
		return fmt.Sprintf("caught up: %s behind the source", progress.Took(seconds(l.Seconds)))
	case l.Seconds < g.next:
		return ""
	}
	g.next = 2 * l.Seconds
	text := fmt.Sprintf("warning: %s behind the source", progress.Took(seconds(l.Seconds)))
	if l.Binlog != nil {
		text += fmt.Sprintf(", %s of binlog", progress.Bytes(*l.Binlog))
		if all := kept.Files * kept.FileBytes; all > 0 && *l.Binlog > all/2 {
			text += fmt.Sprintf(" of the %s that it keeps when this run ends: raise expire-logs-nums at the source", progress.Bytes(all))
		}
	}
	return text + ": " + heldBackBy(s)
}

// heldBackBy says what holds a run back, as far as it knows.
func heldBackBy(s progress.Snapshot) string {
	var waits []string
	for _, w := range s.Waits {
		if w.Now > 0 || w.Share >= 0.1 {
			waits = append(waits, w.Reason)
		}
	}
	if len(waits) > 0 {
		return "it waits: " + strings.Join(waits, ", ")
	}
	return "the source is written to faster than it is read; more --threads may help, or fewer writes"
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func (w *watcher) lag() progress.Lag {
	names := w.tail.state().count
	w.mu.Lock()
	defer w.mu.Unlock()
	l := progress.Lag{Names: new(int64(names + w.sealed.names)), Deltas: w.sealed.deltas}
	behind, bytes := false, int64(0)
	for _, at := range w.sealed.at {
		end, _ := format.PositionOf(w.ends, at.DB)
		behind = behind || at.Before(end)
		bytes += w.kept.Bytes(at, end)
	}
	if w.kept.FileBytes > 0 {
		l.Binlog = &bytes
	}
	if behind {
		l.Seconds = max(0, w.now.Sub(w.sealed.until).Seconds())
	}
	return l
}

// isBehind reports whether the positions are at the ends of the binlogs, or behind.
func isBehind(at, ends []format.BinlogPosition) bool {
	for _, p := range at {
		if end, ok := format.PositionOf(ends, p.DB); !ok || p.Before(end) {
			return false
		}
	}
	return true
}
