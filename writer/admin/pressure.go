package admin

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// An Observer asks a Kvrocks, or the masters of a cluster, how their storage bears the load, over
// connections of its own.
type Observer struct {
	conns []*conn.Conn
	last  *stalls
}

// NewObserver opens a connection to each server; nil if the target is no Kvrocks, which has nothing
// to tell.
func NewObserver(ctx context.Context, t *target.Target) (*Observer, error) {
	if !t.IsKvrocks() {
		return nil, nil
	}
	o, options := &Observer{}, t.Options()
	for _, addr := range t.Servers() {
		c, err := options.At(addr).Dial(ctx, options.MainKeyspace())
		if err != nil {
			o.Close()
			return nil, err
		}
		o.conns = append(o.conns, c)
	}
	return o, nil
}

// Close closes the connections.
func (o *Observer) Close() {
	for _, c := range o.conns {
		c.Close()
	}
}

// Pressure is how the storage of a Kvrocks bears what is written (SERVERS.md K19).
type Pressure struct {
	Compactions int64 // that run
	Flushes     int64 // that run
	Waiting     int64 // memtables that wait to be flushed
	Pending     int64 // bytes that are to be compacted; -1: not told (before 2.14)
	Delayed     bool  // since the last look, writes were slowed down
	Stopped     bool  // or had to wait
	Errors      int64 // of the background work
}

// stalls counts since the server was started.
type stalls struct{ slow, stop int64 }

// Look asks for the pressure. The first time it does not know of delays.
func (o *Observer) Look(ctx context.Context) (Pressure, error) {
	p, now := Pressure{Pending: -1}, stalls{}
	for _, c := range o.conns {
		fields, err := c.Info(ctx, "rocksdb")
		if err != nil {
			return Pressure{}, err
		}
		p.count(&now, fields)
	}
	if o.last != nil {
		p.Delayed, p.Stopped = now.slow > o.last.slow, now.stop > o.last.stop
	}
	o.last = &now
	return p, nil
}

// count adds what a server says, summed up over the column families, whose names stand in brackets.
// What is blank is not known.
func (p *Pressure) count(s *stalls, fields map[string]string) {
	for field, value := range fields {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 0 {
			continue
		}
		name, _, _ := strings.Cut(field, "[")
		switch name {
		case "num_running_compactions":
			p.Compactions += n
		case "num_running_flushes":
			p.Flushes += n
		case "num_immutable_tables":
			p.Waiting += n
		case "num_background_errors":
			p.Errors += n
		case "estimate_pending_compaction_bytes":
			p.Pending = max(0, p.Pending) + n
		case "level0_file_limit_slowdown", "pending_compaction_bytes_slowdown", "memtable_count_limit_slowdown":
			s.slow += n
		case "level0_file_limit_stop", "pending_compaction_bytes_stop", "memtable_count_limit_stop":
			s.stop += n
		}
	}
}

// String says it in a few words; empty when there is nothing worth telling.
func (p Pressure) String() string {
	var parts []string
	add := func(n int64, one, more string) {
		if n == 1 {
			parts = append(parts, one)
		} else if n > 1 {
			parts = append(parts, fmt.Sprintf(more, n))
		}
	}
	add(p.Compactions, "1 compaction", "%d compactions")
	if p.Waiting > 2 {
		add(p.Waiting, "", "%d memtables wait")
	}
	if p.Pending > 0 {
		parts = append(parts, conn.Size(p.Pending)+" pending")
	}
	if p.Stopped {
		parts = append(parts, "writes stopped")
	} else if p.Delayed {
		parts = append(parts, "writes delayed")
	}
	add(p.Errors, "1 background error", "%d background errors")
	if parts == nil {
		return ""
	}
	return "target: " + strings.Join(parts, ", ")
}
