package target

import (
	"net"
	"testing"
	"time"
)

// TestClockIsRead: while one reads the target's clock, which takes long over a slow link, others go
// on by the last reading.
func TestClockIsRead(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	addr := silent.Addr().String()
	o, err := Options{Addr: addr}.Checked()
	if err != nil {
		t.Fatal(err)
	}
	target := Known(o, Info{Addr: addr, ClockOffset: time.Hour}, nil)
	target.clock.read = time.Now().Add(-readAfter)
	done := make(chan struct{})
	go func() {
		target.Now(t.Context())
		close(done)
	}()
	c, err := silent.Accept() // it is being read
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		c.Close()
		<-done
	}()
	for _, now := range []time.Time{target.Clock(), target.Now(t.Context())} {
		if ahead := time.Until(now); ahead < time.Hour-time.Minute || ahead > time.Hour {
			t.Errorf("the clock is ahead by %s", ahead)
		}
	}
}
