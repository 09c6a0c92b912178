package load

import (
	"errors"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
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
