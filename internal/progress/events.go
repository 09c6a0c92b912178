package progress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/logging"
)

// Kinds of transient errors.
const (
	Timeout    = "timeout"    // no answer in time
	Connection = "connection" // refused, lost or cut
	Other      = "other"      // such as a server that answers that it cannot now
)

// kindOf returns the kind of an error that is retried.
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

// A Tally is how often something happened.
type Tally struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

// tallies returns counts in the order of their names.
func tallies(counts map[string]int64) []Tally {
	all := make([]Tally, 0, len(counts))
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, Tally{name, counts[name]})
	}
	return all
}

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

// Retries says that something is tried again. All connections to one server share it: when the
// server is lost they all fail at once, and what each of them would say is one line with a count.
type Retries struct {
	mu    sync.Mutex
	until time.Time // up to which nothing more is said
	held  int       // messages since the last line
	clock func() time.Time
}

// NewRetries returns a Retries that has said nothing yet.
func NewRetries() *Retries { return &Retries{clock: time.Now} }

// Say writes a line, or counts it for the next one if the wait that the last line spoke of is not
// over.
func (r *Retries) Say(log io.Writer, err error, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock()
	if now.Before(r.until) {
		r.held++
		return
	}
	more := ""
	if r.held > 0 {
		more = fmt.Sprintf(" (and %s like it since the line before)", Plural(r.held, "failure", "failures"))
	}
	logging.Say(log, slog.LevelWarn, fmt.Sprintf("%v: trying again in %v%s", err, wait, more), slog.Float64("wait_seconds", wait.Seconds()))
	r.until, r.held = now.Add(wait), 0
}
