// Package progress counts what a run does, and shows it: as lines that are redrawn on a terminal,
// as a line now and then in a log, or as JSON.
//
//	m := progress.NewMeter()
//	m.Show = progress.Display{Mode: progress.Auto, Log: log}.Show // or nil: nothing is shown
//	end := m.Begin("load", 8)
//	m.Part(progress.Name{DB: 0, Type: "hash"}).Add(keys, bytes, work)
//	end()
//
// An engine fills a Meter and never prints how far it is. What is shown is a pure function of a
// Snapshot: Frame and Line. The cursor is never hidden, and the terminal's mode is changed only
// within one write, so that there is nothing to restore when the process is killed.
package progress

import (
	"sync"
	"time"
)

// A Meter counts what a run does. The engines fill it, and never show anything of it; Snapshot is
// for whoever does. One phase follows the other in it, such as a load and its verify. A nil Meter
// counts nothing.
type Meter struct {
	// Show is called when a phase begins, and shows it until stop is called, which waits until
	// nothing more is shown; nil: nothing is shown. It is set before the first phase.
	Show func(*Meter) (stop func())

	now func() time.Time

	mu          sync.Mutex
	phase       string
	ended       bool
	estimate    string
	connections int
	begun, end  time.Time
	parts       []*Counter
	named       map[Name]*Counter
	waits       map[string]*wait
	chunks      int64
	leftOut     map[string]int64 // by reason
	retries     map[string]int64 // by kind
	servers     []*server
	note        func() string
	own         process
	whole       *int64 // work of all parts; nil: it is their sum
	lag         *Lag   // nil: the run does not follow

	mostKeys, mostBytes int64 // see Limit

	keysRate, bytesRate, workRate speed // of all parts
}

// NewMeter returns a Meter without a phase.
func NewMeter() *Meter { return newMeter(time.Now) }

func newMeter(now func() time.Time) *Meter {
	return &Meter{now: now, named: map[Name]*Counter{}, waits: map[string]*wait{}, leftOut: map[string]int64{}, retries: noRetries()}
}

// Also has phases shown in one more way, which ends after those before.
func (m *Meter) Also(show func(*Meter) (stop func())) {
	before := m.Show
	m.Show = func(m *Meter) func() {
		stop := func() {}
		if before != nil {
			stop = before(m)
		}
		more := show(m)
		return func() {
			stop()
			more()
		}
	}
}

// Begin begins a phase with nothing counted, and shows it until end is called, which may be done
// more than once.
func (m *Meter) Begin(phase string, connections int) (end func()) {
	if m == nil {
		return func() {}
	}
	m.mu.Lock()
	now := m.now()
	m.phase, m.ended, m.estimate, m.connections, m.begun, m.end = phase, false, "", connections, now, time.Time{}
	m.parts, m.named, m.waits, m.servers, m.note, m.whole, m.lag = nil, map[Name]*Counter{}, map[string]*wait{}, nil, nil, nil, nil
	m.chunks, m.leftOut, m.retries = 0, map[string]int64{}, noRetries()
	m.keysRate, m.bytesRate, m.workRate = begun(now), begun(now), begun(now)
	m.own.look(now)
	m.mu.Unlock()
	stop := func() {}
	if m.Show != nil {
		stop = m.Show(m)
	}
	return sync.OnceFunc(func() {
		m.mu.Lock()
		m.ended, m.end = true, m.now()
		m.mu.Unlock()
		stop()
	})
}

// Estimate says that the whole is only known from an estimate, such as INFO rocksdb.
func (m *Meter) Estimate(from string) { m.set(func() { m.estimate = from }) }

// Note sets what tells, when it is asked, what else is worth knowing.
func (m *Meter) Note(f func() string) { m.set(func() { m.note = f }) }

func (m *Meter) set(f func()) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

// Part returns the counter of a part, a new one if it has none yet. Of a nil Meter it counts, and
// nobody sees it.
func (m *Meter) Part(n Name) *Counter {
	if m == nil {
		return &Counter{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.named[n]
	if c == nil {
		now := m.now()
		c = &Counter{name: n, keysRate: begun(now), bytesRate: begun(now)}
		m.named[n] = c
		m.parts = append(m.parts, c)
	}
	return c
}

// EndTarget says that the parts of a target are over. Those that have failed are no part of the
// whole any more.
func (m *Meter) EndTarget(addr string, failed bool) {
	m.set(func() {
		for _, c := range m.parts {
			if c.name.Target == addr {
				c.failed, c.done = failed, !failed
			}
		}
	})
}

// Done says that the part is done, whatever was expected of it.
func (m *Meter) Done(c *Counter) { m.set(func() { c.done = true }) }

// ExpectAll says how much work all parts are together, where that of each is not known.
func (m *Meter) ExpectAll(work int64) { m.set(func() { m.whole = &work }) }

// Snapshot returns how the run fares now.
func (m *Meter) Snapshot() Snapshot {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if m.ended {
		now = m.end
	}
	s := Snapshot{
		Schema: Schema, Time: m.now(), Phase: m.phase, Ended: m.ended, Estimate: m.estimate, Connections: m.connections,
		Parts: []Part{}, Servers: []Server{}, Chunks: m.chunks, LeftOut: tallies(m.leftOut), RetriesBy: tallies(m.retries), Own: m.own.look(m.now()),
	}
	if m.lag != nil {
		s.Lag = new(*m.lag)
	}
	for _, r := range s.RetriesBy {
		s.Retries += r.Count
	}
	if m.phase == "" {
		s.Waits = []Wait{}
		return s
	}
	s.Elapsed = now.Sub(m.begun).Seconds()
	s.Total = Part{Whole: -1, State: Running}
	done := len(m.parts) > 0 // all parts are
	var fresh Part           // of this run
	whole, known := int64(0), len(m.parts) > 0
	wrong := int64(0) // in what was expected of parts that are done
	rest := 0.0       // seconds that limits make of what is left of the others
	for _, c := range m.parts {
		p := c.part(now)
		if m.lag != nil { // of who follows nobody knows the whole
			p.Share, p.Whole = nil, -1
		}
		s.Parts = append(s.Parts, p)
		done = done && p.State == Done
		s.Total.Keys, s.Total.Elements, s.Total.Bytes = s.Total.Keys+p.Keys, s.Total.Elements+p.Elements, s.Total.Bytes+p.Bytes
		fresh.Keys, fresh.Bytes = fresh.Keys+p.Keys-c.oldKeys.Load(), fresh.Bytes+p.Bytes-c.oldBytes.Load()
		if !c.failed {
			s.Total.Work, fresh.Work = s.Total.Work+p.Work, fresh.Work+p.Work-c.oldWork.Load()
			whole, known = whole+max(p.Whole, p.Work), known && p.Whole >= 0
			rest += m.limited(c, &p)
			if c.done && c.known.Load() {
				wrong += p.Work - c.whole.Load()
			}
		}
	}
	if m.whole != nil {
		whole, known = *m.whole+wrong, true
	}
	if known && m.lag == nil {
		s.Total.Whole = whole
		s.Total.Share = share(s.Total.Work, whole, done && m.ended)
		if s.Left = m.left(now, fresh.Work, whole-s.Total.Work, s.Elapsed); s.Left != nil {
			*s.Left = max(*s.Left, rest)
		}
	}
	switch {
	case m.ended && done:
		s.Total.State = Done
	case m.ended:
		s.Total.State = Stopped
	}
	s.Total.KeysRate = m.keysRate.at(now, float64(fresh.Keys), rateTime)
	s.Total.BytesRate = m.bytesRate.at(now, float64(fresh.Bytes), rateTime)
	s.Waits = m.waited(now)
	for _, one := range m.servers {
		if one.watches > 0 || one.asked || one.Refused != "" { // else it had no time to answer
			s.Servers = append(s.Servers, one.Server)
		}
	}
	if m.note != nil {
		s.Note = m.note()
	}
	return s
}
