package progress

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// TestEvents: what is no part is counted by kind and reason, and anew in each phase.
func TestEvents(t *testing.T) {
	m, _ := testMeter()
	defer m.Begin("load", 1)()
	for err, want := range map[error]string{
		&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}: Timeout,
		&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}:   Connection,
		io.ErrUnexpectedEOF:                      Connection,
		syscall.EPIPE:                            Connection,
		errors.New("LOADING the data set"):       Other,
		&net.DNSError{Err: "x", IsTimeout: true}: Timeout,
	} {
		if got := kindOf(fmt.Errorf("doing this: %w", err)); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
	m.Retried(io.EOF, time.Hour)
	m.Retried(io.EOF, time.Hour)
	m.Chunk(3)
	m.LeftOut("refused", 5)
	m.LeftOut("expired", 2)
	m.LeftOut("refused", -1)
	m.Part(Name{Type: "set"}).AddElements(7)
	m.Part(Name{Type: "hash"}).AddElements(1)
	s := m.Snapshot()
	if got := fmt.Sprint(s.Retries, s.RetriesBy, s.Chunks, s.LeftOut, s.Total.Elements); got != "2 [{connection 2} {other 0} {timeout 0}] 3 [{expired 2} {refused 4}] 8" {
		t.Error(got)
	}
	defer m.Begin("verify", 1)()
	if s := m.Snapshot(); s.Retries != 0 || s.Chunks != 0 || len(s.LeftOut) != 0 {
		t.Errorf("%+v", s)
	}
}
