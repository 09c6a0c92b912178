package progress

import (
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/logging"
)

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
