package follow

import (
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
)

// errRestart says what a restart of the source may have cost, and what finds it.
var errRestart = &exitcode.LeftOutError{Text: "the source was restarted, or can have been (3.4 shows no run id), or another one took its address: what was written in the moment before may be in no delta, " +
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
