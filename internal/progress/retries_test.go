package progress

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestRetries: connections that fail together are one line, and the next line counts them.
func TestRetries(t *testing.T) {
	now := time.Unix(0, 0)
	l := &Retries{clock: func() time.Time { return now }}
	var said strings.Builder
	for range 8 {
		l.Say(&said, errors.New("lost"), 100*time.Millisecond)
	}
	now = now.Add(100 * time.Millisecond)
	l.Say(&said, errors.New("lost"), 200*time.Millisecond)
	now = now.Add(200 * time.Millisecond)
	l.Say(&said, errors.New("lost"), 400*time.Millisecond)
	want := "lost: trying again in 100ms\nlost: trying again in 200ms (and 7 failures like it since the line before)\nlost: trying again in 400ms\n"
	if said.String() != want {
		t.Errorf("got %q, want %q", said.String(), want)
	}
}
