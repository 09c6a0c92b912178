package progress

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

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
