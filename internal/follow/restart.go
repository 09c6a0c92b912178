package follow

import (
	"fmt"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/reader"
)

// errRestart says what a restart of the source may have cost, and what finds it.
var errRestart = &exitcode.LeftOutError{Text: "the source was restarted, or another one took its address: what was written in the moment before may be in no delta, " +
	"for Pika writes its binlog behind its data. What is missing is found, once this run has ended, by pikadump dump --base"}

// isRestarted reports whether the source was restarted since it was last read as a whole, and
// says so when it first was.
func (r *run) isRestarted() bool {
	if r.s.Restarted() && !r.c.restarted {
		r.c.restarted = true
		fmt.Fprintf(r.o.Log, "warning: %s\n", errRestart.Text)
	}
	return r.c.restarted
}

// startedSince reports whether the source's process was started after a dump had been begun. 3.4
// has no run id, and CONFIG REWRITE has others keep theirs (SERVERS.md P8): then the time tells.
func startedSince(dump *format.Info, now *reader.ServerInfo) bool {
	was := &dump.Source
	return was.RunID != "" && was.RunID != now.RunID || now.Began.After(dump.Started.Add(time.Duration(was.ClockDifference)*time.Millisecond))
}
