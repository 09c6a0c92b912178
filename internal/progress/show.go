package progress

import (
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// A Mode is how progress is shown.
type Mode string

// Modes. Auto is Bars on a terminal, and Lines elsewhere.
const (
	Auto  Mode = "auto"
	Bars  Mode = "bar"
	Lines Mode = "log"
	JSON  Mode = "json"
	None  Mode = "none"
)

// How often progress is shown.
const (
	barsEvery  = 250 * time.Millisecond
	linesEvery = 10 * time.Second
	jsonEvery  = 5 * time.Second
)

// A Display says how progress is shown, and where.
type Display struct {
	Mode Mode
	// Log is where to: a Log, what records what goes to one (logging.Log), or what takes lines as
	// one does that is no terminal.
	Log io.Writer
	// Plain is without colours (NO_COLOR), Dumb of a terminal that cannot move its cursor.
	Plain, Dumb bool
}

// Show shows the phase of a Meter that has begun, until stop is called.
func (d Display) Show(m *Meter) (stop func()) {
	w := d.Log
	if r, ok := w.(interface{ Messages() io.Writer }); ok {
		w = r.Messages()
	}
	l, ok := w.(*Log)
	if !ok {
		l = &Log{w: w, now: time.Now}
	}
	mode := d.Mode
	if mode == Auto {
		mode = Lines
		if l.size != nil && !d.Dumb {
			mode = Bars
		}
	}
	var idle Idle
	every, end := linesEvery, func() {}
	show := func() {
		if s := m.Snapshot(); idle.Due(s) {
			l.say(Line(s), false)
		}
	}
	switch mode {
	case None:
		return func() {}
	case Bars:
		every, end = barsEvery, func() { l.draw(nil) }
		show = func() {
			width, height := usualWidth, usualHeight
			if l.size != nil {
				width, height = l.size()
			}
			l.draw(Frame(m.Snapshot(), width, height, !d.Plain))
		}
	case JSON:
		every, end = jsonEvery, func() { l.say(m.Snapshot().json(), true) }
		show = end
		show()
	}
	return Repeat(every, show, l.forget, end)
}

// idleMost is the longest time that an idle run which follows says nothing.
const idleMost = 10 * time.Minute

// Idle says when a run that follows, perhaps for days, is to say how far it is: less and less often
// while nothing changes. The zero value has said nothing yet.
type Idle struct {
	said  Snapshot
	pause time.Duration
}

// Due reports whether s is to be said; it is taken as said then.
func (i *Idle) Due(s Snapshot) bool {
	same := s.Phase == "follow" && i.said.Phase == s.Phase && s.Ended == i.said.Ended && s.Retries == i.said.Retries &&
		s.Total.Keys == i.said.Total.Keys && s.Total.Bytes == i.said.Total.Bytes
	if same && s.Time.Sub(i.said.Time) < i.pause {
		return false
	}
	i.pause = min(2*i.pause, idleMost)
	if !same {
		i.pause = 2 * linesEvery
	}
	i.said = s
	return true
}

// Repeat calls show now and then, and if that is often when the terminal has another size, until
// stop is called, which returns when end was. Back is told that the process was stopped, and goes
// on.
func Repeat(every time.Duration, show, back, end func()) (stop func()) {
	quit := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		defer end()
		repeat(every, show, back, quit)
	})
	return sync.OnceFunc(func() {
		close(quit)
		running.Wait()
	})
}

func repeat(every time.Duration, show, back func(), quit <-chan struct{}) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGWINCH, syscall.SIGCONT)
	defer signal.Stop(signals)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-quit:
			return
		case sig := <-signals:
			if sig == syscall.SIGCONT {
				back()
			} else if every == barsEvery {
				show()
			}
		case <-tick.C:
			show()
		}
	}
}
