package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/retry"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// Classify returns the exit code of the errors of a writer; 0: it is none. It is for exitcode.Of.
func Classify(err error) int {
	switch {
	case errors.Is(err, writer.ErrAuth):
		return exitcode.Auth
	case errors.Is(err, writer.ErrBusy):
		return exitcode.Locked
	case errors.Is(err, writer.ErrPreflight), errors.Is(err, exitcode.ErrRefused), errors.Is(err, journal.ErrDiffers),
		errors.Is(err, journal.ErrDamaged), errors.Is(err, journal.ErrNoPlace):
		return exitcode.Refused
	case errors.Is(err, writer.ErrTransient), errors.Is(err, writer.ErrOperator), IsLost(err):
		return exitcode.TryAgain
	}
	return 0
}

// ExitCode returns the exit code of an error.
func ExitCode(err error) int { return exitcode.Of(err, Classify) }

// IsLost reports whether an error is of a connection that ended, or did not come about.
func IsLost(err error) bool {
	var network *net.OpError // not net.Error, which errors of files are as well
	return errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.ErrUnexpectedEOF)
}

// ErrorKind says which errors of a writer are retried. A key that is not as the load left it is
// written anew, but not often: what was in flight may have been run in part, or late.
func ErrorKind(err error) retry.Kind {
	switch {
	case errors.Is(err, writer.ErrUnequal):
		return retry.Doubtful
	case errors.Is(err, writer.ErrTransient):
		return retry.Transient
	}
	return retry.Fatal
}

// MayWantTLS adds to an error what a connection that ends at once may mean.
func MayWantTLS(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w; a server that closes the connection at once may want TLS (--tls)", err)
	}
	return err
}

// severity orders the exit codes of several targets, the worst first: what the user has to look
// into before what goes away by itself. A code that is not listed is worse than all.
var severity = []int{
	exitcode.Interrupted, exitcode.Terminated, exitcode.HungUp, exitcode.Failed, exitcode.Corrupt, exitcode.Auth, exitcode.Refused, exitcode.NoDump,
	exitcode.Locked, exitcode.Different, exitcode.TryAgain, exitcode.LeftOut,
}

// rank returns the rank of an exit code: the least is the worst.
func rank(code int) int { return slices.Index(severity, code) }

// IsWorse reports whether one error that ended a load is worse than another.
func IsWorse(err, other error) bool { return rank(ExitCode(err)) < rank(ExitCode(other)) }
