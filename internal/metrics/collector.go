package metrics

import (
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// A collector makes metrics of what Meters count, and of how the run ended. It is a
// prometheus.Collector.
type collector struct {
	tool, version, run string
	dump               func() string // its id; empty: not known yet

	mu       sync.Mutex
	meter    *progress.Meter     // of the phase at hand; nil: there is none
	past     []progress.Snapshot // of phases that are over
	most     map[string]float64  // of counters that may go back
	done     int64               // the most so far
	progress time.Time           // when done last changed
	code     int
	ended    time.Time // zero: it has not
	success  time.Time // of the last run that had one; zero: none is known
}

// begin says that a phase begins, in place of one of its name that is over.
func (c *collector) begin(m *progress.Meter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.meter, c.done = m, 0
	phase := m.Snapshot().Phase
	c.past = slices.DeleteFunc(c.past, func(s progress.Snapshot) bool { return s.Phase == phase })
	maps.DeleteFunc(c.most, func(id string, _ float64) bool { return strings.Split(id, separator)[1] == phase })
}

// over says that the phase at hand is over.
func (c *collector) over() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.past = append(c.past, c.meter.Snapshot())
	c.meter = nil
}

// look returns the snapshots of all phases so far, and notes whether anything was done since the
// last look. The lock is held.
func (c *collector) look(now time.Time) []progress.Snapshot {
	all := c.past[:len(c.past):len(c.past)]
	if c.meter != nil {
		all = append(all, c.meter.Snapshot())
	}
	done := int64(len(all)) // a phase that begins is progress, too
	for _, s := range all {
		done += s.Total.Keys + s.Total.Bytes
	}
	if done > c.done || c.progress.IsZero() { // not what is taken back
		c.done, c.progress = done, now
	}
	return all
}

// watch looks once more, so that a scrape much later knows when something was done.
func (c *collector) watch(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.look(now)
}

// end says how the run ended.
func (c *collector) end(now time.Time, code int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.look(now)
	c.code, c.ended = code, now
	if code == 0 {
		c.success = now
	}
}

// Describe describes nothing: what there is depends on the run.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect sends all metrics.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := sender{c, to}
	s.send(buildInfo, 1, c.version, runtime.Version())
	s.send(runInfo, 1, c.run, c.dump())
	for _, one := range c.look(time.Now()) {
		s.phase(&one)
	}
	s.time(lastProgress, c.progress)
	s.time(lastSuccess, c.success)
	if s.time(lastEnd, c.ended); !c.ended.IsZero() {
		s.send(lastCode, float64(c.code))
	}
}

const separator = "\x00"

// A sender sends metrics of a collector, whose lock is held.
type sender struct {
	c  *collector
	to chan<- prometheus.Metric
}

func (s sender) send(f *family, value float64, labels ...string) {
	if f.kind == counter {
		id := f.name + separator + strings.Join(labels, separator) // the first is the phase
		value = max(value, s.c.most[id])
		s.c.most[id] = value
	}
	s.to <- prometheus.MustNewConstMetric(prometheus.NewDesc(s.c.tool+"_"+f.name, f.help, f.labels, nil), f.kind, value, labels...)
}

func (s sender) time(f *family, t time.Time) {
	if !t.IsZero() {
		s.send(f, float64(t.UnixMilli())/1000)
	}
}

// known sends a value, if it is known.
func known[N int64 | float64](s sender, f *family, value *N, labels ...string) {
	if value != nil {
		s.send(f, float64(*value), labels...)
	}
}

func (s sender) phase(p *progress.Snapshot) {
	running := 1.0
	if p.Ended {
		running = 0
	}
	s.send(active, running, p.Phase)
	for _, one := range p.Parts {
		labels := []string{p.Phase, one.Target, strconv.Itoa(one.DB), one.Type}
		s.send(keys, float64(one.Keys), labels...)
		s.send(elements, float64(one.Elements), labels...)
		s.send(size, float64(one.Bytes), labels...)
	}
	if p.Ended && !s.c.ended.IsZero() && (s.c.code == exitcode.Done || s.c.code == exitcode.LeftOut || s.c.code == exitcode.Different) {
		p.Total.Share = new(1.0) // of an estimate, too
	}
	known(s, ratio, p.Total.Share, p.Phase)
	known(s, remaining, p.Left, p.Phase)
	s.send(chunks, float64(p.Chunks), p.Phase)
	if l := p.Lag; l != nil {
		s.send(lag, l.Seconds, p.Phase)
		known(s, lagBinlog, l.Binlog, p.Phase)
		known(s, lagNames, l.Names, p.Phase)
		s.send(deltas, float64(l.Deltas), p.Phase)
	}
	for _, one := range p.LeftOut {
		s.send(leftOut, float64(one.Count), p.Phase, one.Name)
	}
	for _, one := range p.RetriesBy {
		s.send(retries, float64(one.Count), p.Phase, one.Name)
	}
	for _, w := range p.Waits {
		s.send(waits, w.Seconds, p.Phase, w.Reason)
		s.send(waiting, float64(w.Now), p.Phase, w.Reason)
	}
	if p.Ended {
		return // how the servers fare is not asked any more
	}
	for _, one := range p.Servers {
		labels := []string{p.Phase, one.Role, one.Addr}
		switch {
		case one.Refused != "":
			s.send(serverUp, 0, labels...)
		case one.Took != nil: // it has answered
			s.send(serverUp, 1, labels...)
		}
		known(s, serverTook, one.Took, labels...)
		known(s, serverOps, one.Ops, labels...)
		known(s, serverCPU, one.CPU, labels...)
		known(s, serverMemory, one.Memory, labels...)
		known(s, serverDisk, one.Disk, labels...)
		known(s, serverStalls, one.Stalls, labels...)
	}
}
