package progress

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

const askEvery = 5 * time.Second

// Observe runs f, which watches a server, beside what comes until over is called.
func (m *Meter) Observe(ctx context.Context, f func(context.Context)) (over func()) {
	if m == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { f(ctx) })
	return func() {
		cancel()
		running.Wait()
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
	cpu     speed
	stalls  int64 // at the first look
	asked   bool
	watches int
}

// Watch asks a server how it fares until ctx ends, and looks at once. That it does not tell is
// shown, and ends nothing.
func (m *Meter) Watch(ctx context.Context, role, addr string, look func(context.Context) (Load, error)) {
	if m == nil {
		return
	}
	var one *server
	m.set(func() {
		i := slices.IndexFunc(m.servers, func(s *server) bool { return s.Role == role && s.Addr == addr })
		if i < 0 { // else it was watched before, such as in the load of the delta before
			i = len(m.servers)
			m.servers = append(m.servers, &server{Server: Server{Role: role, Addr: addr, Notes: []string{}}})
		}
		one = m.servers[i]
		one.watches++
		slices.SortStableFunc(m.servers, func(a, b *server) int { return cmp.Compare(a.Role, b.Role) })
	})
	defer m.set(func() { one.watches-- })
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

// told returns what a server tells; nil: it does not.
func told[N int64 | float64](n N) *N {
	if n < 0 {
		return nil
	}
	return &n
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
	s.Took = new(now.Sub(began).Seconds())
	if !s.asked && l.Ops == 0 { // it was idle until now
		l.Ops = -1
	}
	s.Ops, s.Memory, s.Disk = told(l.Ops), told(l.Memory), told(l.Disk)
	if l.CPUSeconds >= 0 {
		if cores := s.cpu.at(now, l.CPUSeconds, 0); s.asked {
			s.CPU = &cores
		}
	}
	if l.Stalls >= 0 {
		if !s.asked || l.Stalls < s.stalls { // or it was started again
			s.stalls = l.Stalls
		}
		s.Stalls = new(l.Stalls - s.stalls)
	}
	s.asked = true
}
