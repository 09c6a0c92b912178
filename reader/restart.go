package reader

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// An identity is what the server says of itself on each connection: a run that outlasts its
// connections can meet another one.
type identity struct {
	mu       sync.Mutex
	version  version
	last     sighting
	past     map[string]bool // processes before the last
	restarts atomic.Int64    // so far
}

// A sighting is what was seen of the server on one connection. Its RunID is that of the process:
// run_id and process_id, which both change with each start.
type sighting struct {
	format.Source
	uptime int64 // in seconds
}

// newSighting takes INFO server. The uptime tells one process from the next where both have the
// same process_id, as in a container.
func newSighting(info map[string]string) sighting {
	uptime, _ := strconv.ParseInt(info["uptime_in_seconds"], 10, 64)
	return sighting{format.Source{Version: info["pika_version"], RunID: info["run_id"] + " " + info["process_id"]}, uptime}
}

// newIdentity begins with the server as s describes it and INFO server.
func newIdentity(s *ServerInfo, info map[string]string) *identity {
	now := newSighting(info)
	now.Binlog = s.Binlog
	if s.version.binlogSection() == "replication" {
		now.Role = s.Role
	}
	return &identity{version: s.version, last: now, past: map[string]bool{}}
}

func (i *identity) seen() sighting {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.last
}

// see takes what the server says now. Then is what had been seen before it was asked: others may
// have asked later, and been answered sooner. A server that is not the one of then is not gone on
// with.
func (i *identity) see(addr string, then, now sighting) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if now.Version != then.Version {
		return fmt.Errorf("%w: at %s there was Pika %s, and now there is %q: dump again, into another directory", ErrRefused, addr, then.Version, now.Version)
	}
	err := then.Contradicts(&now.Source)
	if err == nil && i.past[now.RunID] && now.RunID != then.RunID {
		err = fmt.Errorf("two servers answer there in turn")
	}
	if err != nil {
		return fmt.Errorf("%w: another Pika than before answers at %s, or its data were replaced: %w; let the address lead to the first one again, or dump again, into another directory; a chain goes on behind a comparison, pikadump dump --base", ErrRefused, addr, err)
	}
	switch {
	case i.past[now.RunID]: // a late answer
	case now.RunID != i.last.RunID, now.uptime < i.last.uptime-1: // another connection can have asked a second later
		i.restarts.Add(1)
		if now.RunID != i.last.RunID {
			i.past[i.last.RunID] = true
		}
		i.last = now
	default:
		now.uptime = max(now.uptime, i.last.uptime)
		if i.last.Contradicts(&now.Source) == nil {
			i.last = now
		}
	}
	return nil
}

// RunsSince reports whether the process was started a moment before a dump was begun. Run ids can
// be none or kept, process ids the same in a container: then the time tells (SERVERS.md P8).
func (s *ServerInfo) RunsSince(dump *format.Info, moment time.Duration) bool {
	was := &dump.Source
	return (was.RunID == "" || was.RunID == s.RunID) && (was.ProcessID == "" || was.ProcessID == s.ProcessID) &&
		!s.Began.Add(moment).After(dump.Started.Add(time.Duration(was.ClockDifference)*time.Millisecond))
}

// recognize holds what the server says against what it said before.
func (i *identity) recognize(ctx context.Context, c *conn) error {
	then := i.seen()
	var b resp.Batch
	b.Add("INFO", "server")
	b.Add("INFO", i.version.binlogSection())
	p := c.askOnce(ctx, &b, &resp.Buffer{})
	now := newSighting(resp.Fields(string(p.Bulk())))
	if now.Version == then.Version { // else it may not know the section
		p.Answers(b.Name(1), nil)
		now.Role, now.Binlog = readReplication(p)
	}
	if p.Err() != nil {
		return p.Err()
	}
	return i.see(c.d.Addr, then, now)
}
