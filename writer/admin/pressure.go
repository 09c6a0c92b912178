package admin

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
	"github.com/pika2kvrocks/pika2kvrocks/writer/target"
)

// An Observer asks a server, or the masters of a cluster, how they fare, over connections of its
// own.
type Observer struct {
	conns    []*conn.Conn
	sections []string // of INFO: some versions take one at a time
	last     *stalls
}

// NewObserver opens a connection to each server.
func NewObserver(ctx context.Context, t *target.Target) (*Observer, error) {
	o, options := &Observer{sections: []string{"stats", "cpu", "memory"}}, t.Options()
	if t.IsKvrocks() {
		o.sections = append(o.sections, "keyspace", "rocksdb")
	}
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

// Health is how a server fares, or all of a cluster together. What is -1 it does not tell.
type Health struct {
	Ops        int64   // per second
	CPUSeconds float64 // since the start
	Memory     int64
	Disk       int64 // bytes of the data; of a Kvrocks only

	// How the storage of a Kvrocks bears what is written (SERVERS.md K19).
	Compactions int64 // that run
	Waiting     int64 // memtables that wait to be flushed
	Pending     int64 // bytes that are to be compacted; -1: not told (before 2.14)
	Delayed     bool  // since the last look, writes were slowed down
	Stopped     bool  // or had to wait
	Errors      int64 // of the background work
	Stalls      int64 // writes slowed down or stopped since the start
}

// stalls counts since the server was started.
type stalls struct{ slow, stop int64 }

// Look asks how the servers fare. The first time it does not know of delays.
func (o *Observer) Look(ctx context.Context) (Health, error) {
	h, now := Health{Ops: -1, CPUSeconds: -1, Memory: -1, Disk: -1, Pending: -1, Stalls: -1}, stalls{}
	for _, c := range o.conns {
		for _, section := range o.sections {
			fields, err := c.Info(ctx, section)
			if err != nil {
				return Health{}, err
			}
			h.count(&now, fields)
		}
	}
	if o.last != nil {
		h.Delayed, h.Stopped = now.slow > o.last.slow, now.stop > o.last.stop
	}
	o.last = &now
	return h, nil
}

// count adds what a server says, summed up over the column families, whose names stand in brackets.
// What is blank is not known.
func (p *Health) count(s *stalls, fields map[string]string) {
	sums := map[string][]*int64{
		"instantaneous_ops_per_sec": {&p.Ops}, "used_memory_rss": {&p.Memory}, "used_db_size": {&p.Disk},
		"num_running_compactions": {&p.Compactions}, "num_immutable_tables": {&p.Waiting},
		"num_background_errors": {&p.Errors}, "estimate_pending_compaction_bytes": {&p.Pending},
	}
	for _, why := range []string{"level0_file_limit", "pending_compaction_bytes", "memtable_count_limit"} {
		sums[why+"_slowdown"], sums[why+"_stop"] = []*int64{&s.slow, &p.Stalls}, []*int64{&s.stop, &p.Stalls}
	}
	for field, value := range fields {
		if field == "used_cpu_sys" || field == "used_cpu_user" {
			if f, err := strconv.ParseFloat(value, 64); err == nil {
				p.CPUSeconds = max(0, p.CPUSeconds) + f
			}
			continue
		}
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 0 {
			continue
		}
		name, _, _ := strings.Cut(field, "[")
		for _, sum := range sums[name] {
			*sum = max(0, *sum) + n // -1: nobody has told it yet
		}
	}
}

// Notes say how the storage bears the load, in a few words each; none when there is nothing worth
// telling.
func (p Health) Notes() []string {
	parts := []string{}
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
	return parts
}
