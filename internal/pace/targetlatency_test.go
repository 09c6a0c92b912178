package pace

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestAdaptive: slow replies halve the share, at most once a second, however many say so; then it
// grows slowly. One slow reply alone changes nothing, but a stall does.
func TestAdaptive(t *testing.T) { synctest.Test(t, testAdaptive) }

func testAdaptive(t *testing.T) {
	var said []string
	s := NewAdaptive(4, func(text string) { said = append(said, text) })
	fly := func(n int, took time.Duration) (rest time.Duration) {
		for range n {
			rest = s.Done(800, took)
		}
		return rest
	}
	if rest := fly(1, 10*time.Second) + fly(firstFlights-1, 10*time.Millisecond); rest != 0 {
		t.Errorf("rests %v before anything is known", rest)
	}
	if rest := fly(1, 900*time.Millisecond) + fly(5, 39*time.Millisecond); rest != 0 {
		t.Errorf("rests %v after one that was slow", rest)
	}
	if rest := fly(2, 50*time.Millisecond); rest != 50*time.Millisecond {
		t.Errorf("rests %v with half the share", rest)
	}
	if rest := fly(10, 50*time.Millisecond); rest != 50*time.Millisecond {
		t.Errorf("rests %v: halved twice within a second", rest)
	}
	time.Sleep(shareEvery)
	if rest := fly(1, 2*time.Second); rest != longestRest {
		t.Errorf("rests %v after a stall, want %v", rest, longestRest)
	}
	for share := 0.25; share < 1; {
		time.Sleep(shareEvery)
		share += shareStep
		rest := fly(1, 10*time.Millisecond)
		if want := time.Duration(float64(10*time.Millisecond) * (1/share - 1)); rest != want {
			t.Errorf("rests %v with a share of %v, want %v", rest, share, want)
		}
		if more := fly(3, 10*time.Millisecond); more != rest {
			t.Errorf("rests %v: grown twice within a second", more)
		}
	}
	if len(said) != 2 || !strings.Contains(said[0], "4.9 times as long") || said[1] != "back at full speed" {
		t.Errorf("said %q", said)
	}
	for range 20 {
		time.Sleep(shareEvery)
		fly(5, time.Second)
	}
	if rest := s.Done(1, 25*time.Millisecond); rest > longestRest || s.share != leastShare {
		t.Errorf("rests %v with a share of %v", rest, s.share)
	}
}

// TestAdaptiveQuick: what answers within a few milliseconds is never slow, and a small pipeline
// is not compared by its round trip.
func TestAdaptiveQuick(t *testing.T) {
	s := NewAdaptive(2, func(text string) { t.Error(text) })
	for i := range 1000 {
		took := time.Millisecond
		if i > 100 {
			took = leastSlow - 1
		}
		if rest := s.Done([]int{1, 5000}[i%2], took); rest != 0 {
			t.Fatalf("rests %v", rest)
		}
	}
}
