package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// A retryLog says that something is tried again. All connections to one target share it: when the target is lost they all
// fail at once, and what each of them would say is one line with a count.
type retryLog struct {
	mu    sync.Mutex
	until time.Time // up to which nothing more is said
	held  int       // messages since the last line
	clock func() time.Time
}

func newRetryLog() *retryLog { return &retryLog{clock: time.Now} }

// say writes a line, or counts it for the next one if the wait that the last line spoke of is not over.
func (l *retryLog) say(log io.Writer, err error, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock()
	if now.Before(l.until) {
		l.held++
		return
	}
	more := ""
	if l.held > 0 {
		more = fmt.Sprintf(" (and %s like it since the line before)", progress.Plural(l.held, "failure", "failures"))
	}
	fmt.Fprintf(log, "%v: trying again in %v%s\n", err, wait, more)
	l.until, l.held = now.Add(wait), 0
}
