package progress

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
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

	keysRate, bytesRate, workRate speed // of all parts
}

// NewMeter returns a Meter without a phase.
func NewMeter() *Meter { return newMeter(time.Now) }

func newMeter(now func() time.Time) *Meter {
	return &Meter{now: now, named: map[Name]*Counter{}, leftOut: map[string]int64{}, retries: noRetries()}
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
	m.parts, m.named, m.waits, m.servers, m.note, m.whole = nil, map[Name]*Counter{}, map[string]*wait{}, nil, nil, nil
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
func (m *Meter) Estimate(from string) {
	m.set(func() { m.estimate = from })
}

// Note sets what tells, when it is asked, what else is worth knowing.
func (m *Meter) Note(f func() string) {
	m.set(func() { m.note = f })
}

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

// A Counter counts a part of a run. Work is what shares are told by, in a unit that fits the phase:
// bytes of chunk files, or rows of the source.
type Counter struct {
	name              Name
	keys, bytes, work atomic.Int64
	elements          atomic.Int64
	whole             atomic.Int64 // work
	known             atomic.Bool  // whether whole is
	units             atomic.Int64 // that are not done yet
	// What of these earlier runs have done, which says nothing of the speed.
	oldKeys, oldBytes, oldWork atomic.Int64

	// What Meter.mu guards.
	failed, done        bool
	keysRate, bytesRate speed
}

// Add counts keys, bytes of keys and values, and work. What is taken back is negative.
func (c *Counter) Add(keys, bytes, work int64) {
	c.keys.Add(keys)
	c.bytes.Add(bytes)
	c.work.Add(work)
}

// AddElements counts elements of keys: fields, members, entries.
func (c *Counter) AddElements(n int64) { c.elements.Add(n) }

// AddEarlier counts what earlier runs have done.
func (c *Counter) AddEarlier(keys, bytes, work int64) {
	c.oldKeys.Add(keys)
	c.oldBytes.Add(bytes)
	c.oldWork.Add(work)
	c.Add(keys, bytes, work)
}

// Expect adds a unit of so much work to the whole of the part.
func (c *Counter) Expect(work int64) {
	c.units.Add(1)
	c.whole.Add(work)
	c.known.Store(true)
}

// Expected returns the whole that was expected so far.
func (c *Counter) Expected() int64 { return c.whole.Load() }

// UnitDone says that one of the units is done. The part is when all are.
func (c *Counter) UnitDone() { c.units.Add(-1) }

// Done says that the part is done, whatever was expected of it.
func (m *Meter) Done(c *Counter) {
	m.set(func() { c.done = true })
}

// ExpectAll says how much work all parts are together, where that of each is not known.
func (m *Meter) ExpectAll(work int64) {
	m.set(func() { m.whole = &work })
}

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
	for _, c := range m.parts {
		p := c.part(now)
		s.Parts = append(s.Parts, p)
		done = done && p.State == Done
		s.Total.Keys, s.Total.Elements, s.Total.Bytes = s.Total.Keys+p.Keys, s.Total.Elements+p.Elements, s.Total.Bytes+p.Bytes
		fresh.Keys, fresh.Bytes = fresh.Keys+p.Keys-c.oldKeys.Load(), fresh.Bytes+p.Bytes-c.oldBytes.Load()
		if !c.failed {
			s.Total.Work, fresh.Work = s.Total.Work+p.Work, fresh.Work+p.Work-c.oldWork.Load()
			whole, known = whole+max(p.Whole, p.Work), known && p.Whole >= 0
			if c.done && c.known.Load() {
				wrong += p.Work - c.whole.Load()
			}
		}
	}
	if m.whole != nil {
		whole, known = *m.whole+wrong, true
	}
	if known {
		s.Total.Whole = whole
		s.Total.Share = share(s.Total.Work, whole, done && m.ended)
		s.Left = m.left(now, fresh.Work, whole-s.Total.Work, s.Elapsed)
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
		s.Servers = append(s.Servers, one.Server)
	}
	if m.note != nil {
		s.Note = m.note()
	}
	return s
}

// almost is the largest share of what is not done.
const almost = 0.999

// share returns the share that is done; nil: not known. All is done only if somebody said so.
func share(work, whole int64, done bool) *float64 {
	f := 1.0
	switch {
	case done:
	case whole < 0:
		return nil
	default:
		f = min(almost, max(0, float64(work)/float64(max(1, whole))))
	}
	return &f
}

func (c *Counter) part(now time.Time) Part {
	p := Part{Name: c.name, Keys: c.keys.Load(), Elements: c.elements.Load(), Bytes: c.bytes.Load(), Work: c.work.Load(), Whole: -1, State: Running}
	done := c.done || c.known.Load() && c.units.Load() <= 0
	switch {
	case done:
		p.Whole = p.Work
	case c.known.Load():
		p.Whole = c.whole.Load()
	}
	p.Share = share(p.Work, p.Whole, done)
	p.KeysRate = c.keysRate.at(now, float64(p.Keys-c.oldKeys.Load()), rateTime)
	p.BytesRate = c.bytesRate.at(now, float64(p.Bytes-c.oldBytes.Load()), rateTime)
	switch {
	case c.failed:
		p.State = Failed
	case done:
		p.State = Done
	}
	if p.State != Running { // that of the last seconds would still sink
		p.KeysRate, p.BytesRate = 0, 0
	}
	return p
}

// left returns how long the rest takes; nil: that cannot be told yet, or while all stands still.
func (m *Meter) left(now time.Time, done, rest int64, elapsed float64) *float64 {
	perSecond := m.workRate.at(now, float64(done), max(leastLeft, elapsed/3))
	if elapsed < 3 || perSecond <= 0 || rest <= 0 || m.ended {
		return nil
	}
	for reason, w := range m.waits {
		if w.now > 0 && (reason == Window || reason == Chunks) {
			return nil // nobody knows when it goes on, or how much comes
		}
	}
	left := float64(rest) / perSecond
	return &left
}

// A wait is how long connections have waited for a reason.
type wait struct {
	now    int
	total  float64 // seconds up to changed
	since  time.Time
	detail string
	rate   speed
}

func (w *wait) advance(now time.Time) {
	w.total += float64(w.now) * now.Sub(w.since).Seconds()
	w.since = now
}

// Wait says that a connection waits, until over is called. Detail may say more than the reason.
func (m *Meter) Wait(reason, detail string) (over func()) {
	change := func(by int) {
		m.set(func() {
			w, now := m.waits[reason], m.now()
			if w == nil {
				w = &wait{since: now}
				w.rate.at(now, 0, rateTime)
				if m.waits == nil {
					m.waits = map[string]*wait{}
				}
				m.waits[reason] = w
			}
			w.advance(now)
			w.now = max(0, w.now+by) // a phase may have begun meanwhile
			w.detail = detail
		})
	}
	change(1)
	return func() { change(-1) }
}

func (m *Meter) waited(now time.Time) []Wait {
	waits := []Wait{}
	for _, reason := range slices.Sorted(maps.Keys(m.waits)) {
		w := m.waits[reason]
		if !m.ended {
			w.advance(now)
		}
		share := w.rate.at(now, w.total, rateTime) / float64(max(1, m.connections))
		one := Wait{Reason: reason, Seconds: w.total, Now: w.now, Share: min(1, share)}
		if w.now > 0 {
			one.Detail = w.detail
		}
		waits = append(waits, one)
	}
	slices.SortStableFunc(waits, func(a, b Wait) int { return cmp.Compare(b.Seconds, a.Seconds) })
	return waits
}

// askEvery is how often a server is asked how it fares.
const askEvery = 5 * time.Second

// Observe runs f, which watches a server, beside what comes until over is called.
func (m *Meter) Observe(ctx context.Context, f func(context.Context)) (over func()) {
	if m == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// Load is what a server tells of itself. What is negative it does not tell.
type Load struct {
	Ops        float64 // per second
	CPUSeconds float64 // since its start
	Memory     int64
	Disk       int64 // bytes of its data
	Stalls     int64 // since its start
	Notes      []string
}

// A server is what was heard of one.
type server struct {
	Server
	cpu    speed
	stalls int64 // at the first look
	asked  bool
}

// Watch asks a server how it fares until ctx ends, and looks at once. That it does not tell is
// shown, and ends nothing.
func (m *Meter) Watch(ctx context.Context, role, addr string, look func(context.Context) (Load, error)) {
	if m == nil {
		return
	}
	one := &server{Server: Server{Role: role, Addr: addr, Notes: []string{}}}
	m.set(func() {
		m.servers = append(m.servers, one)
		slices.SortStableFunc(m.servers, func(a, b *server) int { return cmp.Compare(a.Role, b.Role) })
	})
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		began := m.now()
		load, err := look(ctx)
		if ctx.Err() != nil {
			return
		}
		m.set(func() { one.saw(began, m.now(), load, err) })
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *server) saw(began, now time.Time, l Load, err error) {
	s.Server = Server{Role: s.Role, Addr: s.Addr, Notes: []string{}}
	if err != nil {
		s.Refused = err.Error()
		return
	}
	if l.Notes != nil {
		s.Notes = l.Notes
	}
	took := now.Sub(began).Seconds()
	s.Took = &took
	if l.Ops >= 0 {
		s.Ops = &l.Ops
	}
	if l.Memory >= 0 {
		s.Memory = &l.Memory
	}
	if l.Disk >= 0 {
		s.Disk = &l.Disk
	}
	if l.CPUSeconds >= 0 {
		if cores := s.cpu.at(now, l.CPUSeconds, 0); s.asked {
			s.CPU = &cores
		}
	}
	if l.Stalls >= 0 {
		if !s.asked || l.Stalls < s.stalls { // or it was started again
			s.stalls = l.Stalls
		}
		n := l.Stalls - s.stalls
		s.Stalls = &n
	}
	s.asked = true
}
