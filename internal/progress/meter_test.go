package progress

import (
	"context"
	"errors"
	"io"
	"math"
	"testing"
	"time"
)

// A clock for tests, which goes on when it is told to.
type clock struct{ at time.Time }

func (c *clock) now() time.Time       { return c.at }
func (c *clock) pass(d time.Duration) { c.at = c.at.Add(d) }
func newClock() *clock                { return &clock{time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)} }
func near(a, b, by float64) bool      { return math.Abs(a-b) <= by }
func testMeter() (*Meter, *clock)     { c := newClock(); return newMeter(c.now), c }

// run counts so much in each second.
func run(m *Meter, c *clock, seconds int, keys, bytes, work int64) Snapshot {
	p := m.Part(Name{Type: "hash"})
	for range seconds {
		c.pass(time.Second)
		p.Add(keys, bytes, work)
		m.Snapshot()
	}
	return m.Snapshot()
}

// TestSnapshot: rates, share and time left are those of what was counted, and the end is not shown
// before it came.
func TestSnapshot(t *testing.T) {
	m, c := testMeter()
	end := m.Begin("load", 8)
	m.Part(Name{Type: "hash"}).Expect(1000)
	m.Snapshot()
	s := run(m, c, 20, 100, 5000, 10)
	if s.Total.Keys != 2000 || !near(s.Total.KeysRate, 100, 1) || !near(s.Total.BytesRate, 5000, 10) || !near(*s.Total.Share, 0.2, 1e-9) || !near(*s.Left, 80, 2) {
		t.Errorf("%+v, left %v", s.Total, s.Left)
	}
	if s = run(m, c, 100, 100, 5000, 10); *s.Total.Share != almost || s.Left != nil || percent(s.Total.Share) != "99.9%" {
		t.Errorf("more than expected: %v, left %v", *s.Total.Share, s.Left)
	}
	if s.Ended || s.Total.State != Running {
		t.Error("it has ended")
	}
	end()
	end()
	c.pass(time.Hour)
	if s = m.Snapshot(); !s.Ended || s.Elapsed != 120 || s.Total.State != Stopped || *s.Total.Share != almost {
		t.Errorf("%+v", s)
	}
}

// TestEarlier: what earlier runs have done counts as done, and not as the speed of this one.
func TestEarlier(t *testing.T) {
	m, c := testMeter()
	defer m.Begin("load", 8)()
	p := m.Part(Name{Type: "hash"})
	p.Expect(1000)
	m.Snapshot()
	c.pass(time.Second)
	p.AddEarlier(1_000_000, 1<<30, 900)
	s := run(m, c, 10, 1, 10, 1)
	if !near(s.Total.KeysRate, 1, 0.2) || !near(*s.Total.Share, 0.91, 1e-9) || !near(*s.Left, 90, 15) || s.Total.Keys != 1_000_010 {
		t.Errorf("%+v, left %v", s.Total, *s.Left)
	}
}

// TestEstimate: where only the whole is known, parts have no share; and what is known to be done
// corrects the whole.
func TestEstimate(t *testing.T) {
	m, c := testMeter()
	defer m.Begin("dump", 2)()
	m.ExpectAll(1000)
	m.Estimate("INFO rocksdb")
	strings := m.Part(Name{Type: "string"})
	s := run(m, c, 10, 10, 10, 10)
	if s.Parts[1].Share != nil || !near(*s.Total.Share, 0.1, 1e-9) || s.Estimate == "" {
		t.Errorf("%+v", s)
	}
	strings.Expect(800) // of the 1000
	strings.Add(100, 100, 100)
	m.Done(strings)
	if s = m.Snapshot(); *s.Parts[0].Share != 1 || s.Parts[0].State != Done || !near(*s.Total.Share, 200./300, 1e-9) {
		t.Errorf("%+v", s)
	}
}

// TestLimited: what is quickly done of one type says nothing of keys that come one by one.
func TestLimited(t *testing.T) {
	m, c := testMeter()
	m.Limit(100, 0)
	defer m.Begin("dump", 2)()
	strings := m.Part(Name{Type: "string"})
	strings.Expect(10_000)
	m.Part(Name{Type: "hash"}).Expect(20_000)
	m.Snapshot()
	if s := run(m, c, 10, 50, 1000, 1000); *s.Left > 21 { // of the strings nothing is known
		t.Errorf("left %v", *s.Left)
	}
	strings.ExpectKeys(10_000)
	if s := m.Snapshot(); !near(*s.Left, 105, 0.1) {
		t.Errorf("left %v", *s.Left)
	}
	m.Limit(0, 10)
	if s := m.Snapshot(); !near(*s.Left, 1000, 0.1) {
		t.Errorf("left %v", *s.Left)
	}
}

// TestUnits: a part is done when all its units are, and then has no rate.
func TestUnits(t *testing.T) {
	m, c := testMeter()
	end := m.Begin("load", 2)
	p := m.Part(Name{Type: "hash"})
	p.Expect(10)
	p.Expect(10)
	run(m, c, 5, 1, 1, 4)
	p.UnitDone()
	if s := m.Snapshot(); s.Parts[0].State != Running || *s.Parts[0].Share != almost {
		t.Errorf("%+v", s.Parts)
	}
	p.UnitDone()
	if s := m.Snapshot(); s.Parts[0].State != Done || *s.Parts[0].Share != 1 || s.Parts[0].KeysRate != 0 || *s.Total.Share != almost || s.Total.State != Running {
		t.Errorf("%+v", s)
	}
	end()
	if s := m.Snapshot(); *s.Total.Share != 1 || s.Total.State != Done {
		t.Errorf("%+v", s)
	}
}

// TestFailedTarget: what has failed is no part of the whole.
func TestFailedTarget(t *testing.T) {
	m, _ := testMeter()
	defer m.Begin("load", 2)()
	for _, addr := range []string{"a", "b"} {
		m.Part(Name{Target: addr}).Expect(100)
		m.Part(Name{Target: addr}).Add(5, 5, 50)
	}
	m.EndTarget("a", true)
	if s := m.Snapshot(); s.Parts[0].State != Failed || s.Total.Whole != 100 || s.Total.Work != 50 {
		t.Errorf("%+v", s)
	}
	m.EndTarget("b", false)
	if s := m.Snapshot(); s.Parts[1].State != Done || *s.Parts[1].Share != 1 || *s.Total.Share != almost {
		t.Errorf("%+v", s)
	}
}

// TestWaits: the time that connections wait is told by its reason, and while nobody knows how long
// it takes no time left is.
func TestWaits(t *testing.T) {
	m, c := testMeter()
	defer m.Begin("dump", 4)()
	m.Part(Name{Type: "hash"}).Expect(1000)
	m.Snapshot()
	over := m.Wait(RateLimit, "")
	s := run(m, c, 60, 1, 1, 1)
	if w := s.Waits[0]; len(s.Waits) != 1 || w.Now != 1 || !near(w.Seconds, 60, 1e-9) || !near(w.Share, 0.25, 0.01) || s.Left == nil {
		t.Errorf("%+v", s.Waits)
	}
	over()
	shut := m.Wait(Window, "paused until 22:00")
	if s = run(m, c, 30, 0, 0, 0); s.Left != nil || s.Waits[0].Share > 0.01 || s.Waits[1].Detail != "paused until 22:00" {
		t.Errorf("%+v, left %v", s.Waits, s.Left)
	}
	shut()
	m.Begin("verify", 1)
	over() // of a phase before
	if s = m.Snapshot(); len(s.Parts) > 0 || s.Phase != "verify" {
		t.Errorf("%+v", s)
	}
	for _, w := range s.Waits {
		if w.Now != 0 {
			t.Errorf("%+v", w)
		}
	}
}

// TestNil: who does not want to know need not ask.
func TestNil(t *testing.T) {
	var m *Meter
	end := m.Begin("load", 1)
	m.Part(Name{}).Add(1, 1, 1)
	m.Wait(RateLimit, "")()
	m.Retried(io.EOF, 0)
	m.Note(nil)
	m.Watch(t.Context(), Source, "a", nil)
	m.Observe(t.Context(), nil)()
	end()
}

// TestServer: counters become rates since the last look, what a server does not tell stays unknown,
// and that it refuses is told.
func TestServer(t *testing.T) {
	m, c := testMeter()
	defer m.Begin("load", 1)()
	ctx, stop := context.WithCancel(t.Context())
	stop() // after one look
	m.Watch(ctx, Target, "b", func(context.Context) (Load, error) { return Load{}, nil })
	if s := m.Snapshot(); len(s.Servers) != 0 {
		t.Errorf("nobody waits for an answer any more: %+v", s.Servers)
	}
	one := m.servers[0]
	one.saw(c.now(), c.now(), Load{}, nil)
	if s := m.Snapshot().Servers[0]; s.Ops != nil { // it was idle until now
		t.Errorf("%+v", s)
	}
	one.asked, one.cpu = false, speed{}
	one.saw(c.now(), c.now(), Load{Ops: 7, CPUSeconds: 100, Memory: -1, Disk: 5, Stalls: 10}, nil)
	if s := m.Snapshot().Servers[0]; *s.Ops != 7 || s.CPU != nil || s.Memory != nil || *s.Disk != 5 || *s.Stalls != 0 {
		t.Errorf("%+v", s)
	}
	c.pass(5 * time.Second)
	one.saw(c.now(), c.now(), Load{Ops: 7, CPUSeconds: 110, Memory: -1, Disk: 5, Stalls: 12}, nil)
	if s := m.Snapshot().Servers[0]; !near(*s.CPU, 2, 1e-9) || *s.Stalls != 2 {
		t.Errorf("%+v", s)
	}
	one.saw(c.now(), c.now(), Load{}, errors.New("NOPERM"))
	if s := m.Snapshot().Servers[0]; s.Refused != "NOPERM" || s.Ops != nil {
		t.Errorf("%+v", s)
	}
	m.Watch(ctx, Target, "b", func(context.Context) (Load, error) { return Load{}, nil }) // in the load of the next delta
	if s := m.Snapshot(); len(s.Servers) != 1 {
		t.Errorf("one server is shown %d times", len(s.Servers))
	}
	m.Behind(Lag{Seconds: 1})
	m.Part(Name{}).Expect(10)
	if s := m.Snapshot(); s.Total.Share != nil || s.Left != nil {
		t.Errorf("of a run that follows it says that %v are done", *s.Total.Share)
	}
}
