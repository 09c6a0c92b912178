package exitcode

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// ErrRefused is the kind of an error that a tool refuses by itself, before it writes anything: code
// 5.
var ErrRefused = errors.New("refused")

// A UsageError says that the command line is wrong.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }
func (e *UsageError) Unwrap() error { return e.Err }

// Usagef returns a UsageError.
func Usagef(format string, args ...any) error { return &UsageError{fmt.Errorf(format, args...)} }

// A LeftOutError is the end of a run that did all but some keys, which are listed, or that is not
// known to be of one moment.
type LeftOutError struct {
	Text string
	// Inconsistent says that no key is left out, but that the data are not known to be of one
	// moment, and have to be.
	Inconsistent bool
}

func (e *LeftOutError) Error() string { return e.Text }

// A DifferentError is the end of a verification that found differences, which are listed.
type DifferentError struct{ Text string }

func (e *DifferentError) Error() string { return e.Text }

// An InterruptError is the cause of a context that a signal ended.
type InterruptError struct{ Signal os.Signal }

func (e *InterruptError) Error() string { return "stopped by " + e.Signal.String() }

// New returns an error whose kind has an exit code: for the variables that errors.Is looks for.
func New(code int, text string) error { return &kind{code: code, text: text} }

// NewWithHint is New for a kind with advice of its own, which is shown after the error; empty: the
// error says itself what to do.
func NewWithHint(code int, text, hint string) error { return &kind{code, text, &hint} }

type kind struct {
	code int
	text string
	hint *string // nil: it has none of its own
}

func (k *kind) Error() string { return k.text }

// Hint returns the advice of the kind of an error, if it has one of its own.
func Hint(err error) (hint string, ok bool) {
	for _, k := range kinds(err) {
		if k.hint != nil {
			return *k.hint, true
		}
	}
	return "", false
}

// FromStart marks an error of a run that --resume cannot continue.
func FromStart(err error) error {
	if err == nil {
		return nil
	}
	return &fromStart{err}
}

type fromStart struct{ err error }

func (e *fromStart) Error() string { return e.err.Error() }
func (e *fromStart) Unwrap() error { return e.err }

// IsResumable reports whether nothing says that --resume cannot continue the run.
func IsResumable(err error) bool { return !errors.As(err, new(*fromStart)) }

// IsEnd reports whether err is only LeftOutError or DifferentError: the run is done. Beside another
// error they do not count.
func IsEnd(err error) bool {
	switch e := err.(type) {
	case *LeftOutError, *DifferentError:
		return true
	case interface{ Unwrap() error }:
		return IsEnd(e.Unwrap())
	case interface{ Unwrap() []error }:
		return !slices.ContainsFunc(e.Unwrap(), func(err error) bool { return !IsEnd(err) })
	}
	return false
}

// IsDiskFull reports whether there is no space left, or no quota.
func IsDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// IsTLS reports whether the two sides did not agree on TLS: a retry does not help.
func IsTLS(err error) bool {
	var (
		verify *tls.CertificateVerificationError
		header tls.RecordHeaderError
		alert  tls.AlertError
	)
	return errors.As(err, &verify) || errors.As(err, &header) || errors.As(err, &alert)
}

// OfSignal returns the exit code of a run that a signal stopped.
func OfSignal(sig os.Signal) int {
	switch sig {
	case syscall.SIGTERM:
		return Terminated
	case syscall.SIGHUP:
		return HungUp
	}
	return Interrupted
}

// Of returns the exit code of an error. Where it is of several kinds, the first of this list
// counts. Classify, if any, gives the code of errors that only the caller knows; 0: it does not
// know it.
func Of(err error, classify func(error) int) int {
	var interrupt *InterruptError
	of := kinds(err)
	has := func(code int) bool { return slices.ContainsFunc(of, func(k *kind) bool { return k.code == code }) }
	switch {
	case errors.As(err, new(*UsageError)):
		return Usage
	case IsEnd(err) && errors.As(err, new(*DifferentError)):
		return Different
	case IsEnd(err):
		return LeftOut
	case errors.As(err, &interrupt):
		return OfSignal(interrupt.Signal)
	case has(NoDump):
		return NoDump
	case has(Locked):
		return Locked
	case has(Auth):
		return Auth
	case has(TryAgain):
		return TryAgain
	case has(Refused), errors.Is(err, format.ErrVersion), errors.Is(err, format.ErrKind):
		return Refused
	case has(Corrupt), errors.As(err, new(*format.CorruptError)):
		return Corrupt
	case IsTLS(err):
		return Refused
	case IsDiskFull(err), errors.Is(err, syscall.EPIPE): // whoever reads what is written has ended
		return TryAgain
	}
	if classify != nil {
		if code := classify(err); code != 0 {
			return code
		}
	}
	return Failed
}

// kinds returns all kinds that an error is of.
func kinds(err error) (all []*kind) {
	switch e := err.(type) {
	case *kind:
		return []*kind{e}
	case interface{ Unwrap() error }:
		return kinds(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			all = append(all, kinds(err)...)
		}
	}
	return all
}
