package load

import (
	"context"
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/loadstate"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
	"github.com/pika2kvrocks/pika2kvrocks/writer/preflight"
)

// A Method is how keys are written.
type Method string

// The methods. Empty is Commands.
const (
	Auto     Method = "auto"     // Raw into an empty Kvrocks that proves it, else Commands
	Commands Method = "commands" // SET, HSET …
	Raw      Method = "raw"      // raw write batches; refused where the target does not prove it
)

// choose has the target written to by raw batches if the method says so and the target proves it,
// and reports whether it is. Otherwise it says why not.
func (m Method) choose(ctx context.Context, j *job, l *writer.Loader, state *loadstate.Opened) (raw bool, err error) {
	why := ""
	if m == Auto && state.Phase == loadstate.Resumed && state.Journal.Bound().Raw {
		m = Raw // what commands refuse was stored so far, and the result is to be the same
	}
	switch {
	case state.Phase == loadstate.Finished:
		return state.Journal.Bound().Raw, nil
	case m == Commands || m == "":
		return false, nil
	case m == Auto && j.Target.OnExists != writer.Fail:
		why = "only --method raw writes raw batches where there are keys"
	case m == Auto && state.Phase == loadstate.Resumed:
		why = "as this load was begun"
	default:
		if why, err = preflight.ProveRaw(ctx, l.Target); err != nil {
			return false, err
		}
	}
	switch {
	case why == "":
		l.WriteRaw()
		fmt.Fprintln(j.log, "method: raw batches, which the target has proved to read")
		return true, nil
	case m == Raw:
		return false, fmt.Errorf("%w: --method raw: %s; load with --method commands", exitcode.ErrRefused, why)
	}
	fmt.Fprintf(j.log, "method: commands (%s)\n", why)
	return false, nil
}
