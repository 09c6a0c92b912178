package progress

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"time"
)

// Kinds of transient errors.
const (
	Timeout    = "timeout"    // no answer in time
	Connection = "connection" // refused, lost or cut
	Other      = "other"      // such as a server that answers that it cannot now
)

func kindOf(err error) string {
	var n net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &n) && n.Timeout():
		return Timeout
	case n != nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.As(err, new(syscall.Errno)):
		return Connection
	}
	return Other
}

// noRetries has each kind, so that whoever watches one sees its first error.
func noRetries() map[string]int64 { return map[string]int64{Timeout: 0, Connection: 0, Other: 0} }

// Retried counts a retry of what failed with err, which comes after a wait.
func (m *Meter) Retried(err error, wait time.Duration) {
	m.set(func() { m.retries[kindOf(err)]++ })
	time.AfterFunc(wait, m.Wait(Retrying, ""))
}

// Chunk counts chunk files that are done.
func (m *Meter) Chunk(n int64) { m.set(func() { m.chunks += n }) }

// LeftOut counts keys and elements that are left out for a reason. What is taken back is negative.
func (m *Meter) LeftOut(reason string, n int64) {
	if n != 0 {
		m.set(func() { m.leftOut[reason] += n })
	}
}

// Behind says how far a run that follows is behind.
func (m *Meter) Behind(l Lag) { m.set(func() { m.lag = &l }) }
