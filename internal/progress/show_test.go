package progress

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestIdle: a run that follows says less and less while nothing changes, any other all.
func TestIdle(t *testing.T) {
	for phase, want := range map[string]string{"follow": "0 20 60 140 300 620 1220 1820 1830 1850 1890", "load": strings.Trim(fmt.Sprint(tens(190)), "[]")} {
		var idle Idle
		var said []int
		for _, second := range tens(190) {
			s := Snapshot{Phase: phase, Time: time.Unix(int64(second), 0)}
			if second >= 1830 {
				s.Total.Keys = 1
			}
			if idle.Due(s) {
				said = append(said, second)
			}
		}
		if got := strings.Trim(fmt.Sprint(said), "[]"); got != want {
			t.Errorf("%s: said after %s", phase, got)
		}
	}
}

// tens returns 0, 10 and so on.
func tens(n int) (all []int) {
	for i := range n {
		all = append(all, 10*i)
	}
	return all
}

// TestShow: each mode shows what it should, until it is told to stop.
func TestShow(t *testing.T) {
	for _, mode := range []Mode{Auto, Lines, JSON, None} {
		var out bytes.Buffer
		m := NewMeter()
		m.Show = Display{Mode: mode, Log: &out}.Show
		end := m.Begin("load", 2)
		m.Part(Name{DB: 1, Type: "hash"}).Add(7, 70, 700)
		end()
		end()
		said := out.String()
		if mode != JSON {
			if said != "" { // before the first ten seconds
				t.Errorf("%s: %q", mode, said)
			}
			continue
		}
		lines := strings.Split(strings.TrimSuffix(said, "\n"), "\n")
		var first, last map[string]any
		if err := json.Unmarshal([]byte(lines[0]), &first); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
			t.Fatal(err)
		}
		if first["ended"] != false || last["ended"] != true || last["schema"] != 1.0 || last["phase"] != "load" || last["total"].(map[string]any)["keys"] != 7.0 {
			t.Errorf("%v\n%v", first, last)
		}
	}
}

// TestShowBars: lines are drawn again as long as the phase goes on, and gone when it has ended.
func TestShowBars(t *testing.T) {
	s := newScreen(80, 24)
	shown := make(chan struct{}, 1000)
	l := &Log{w: s, now: time.Now, size: func() (int, int) { shown <- struct{}{}; return s.size() }}
	m := NewMeter()
	m.Show = Display{Mode: Auto, Log: l}.Show
	end := m.Begin("load", 2)
	for range 4 {
		<-shown
	}
	if _, err := l.Write([]byte("a message\n")); err != nil {
		t.Fatal(err)
	}
	end()
	if got := s.String(); got != "a message\n" {
		t.Errorf("left: %q", got)
	}
}
