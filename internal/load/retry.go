package load

import (
	"errors"

	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// ErrorKind says which errors of a writer are retried. A key that does not look as the load left it
// is written anew: what was in flight may have been run in part, or late where the target does not
// tell (writer.Fence), but not often.
func ErrorKind(err error) retry.Kind {
	switch {
	case errors.Is(err, writer.ErrUnequal):
		return retry.Doubtful
	case errors.Is(err, writer.ErrTransient):
		return retry.Transient
	}
	return retry.Fatal
}
