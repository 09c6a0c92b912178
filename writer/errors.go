package writer

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"syscall"
)

// Causes that a caller branches on, with errors.Is.
var (
	// ErrAuth: the target refuses the credentials, or wants some.
	ErrAuth = errors.New("authentication")
	// ErrPreflight: the target cannot be loaded as it is.
	ErrPreflight = errors.New("pre-flight check")
	// ErrTransient: what failed may pass by itself, so that it is worth trying again from the last
	// checkpoint: a lost connection, a server that is busy or starts.
	ErrTransient = errors.New("transient")
	// ErrOperator: somebody has to help the target before the load can go on.
	ErrOperator = errors.New("operator")
	// ErrUnequal: the key that is open at a checkpoint, or one that was sent a second time, does not look
	// as the load left it. It must be written anew, from Checkpoint.Beginning on.
	ErrUnequal = errors.New("unequal")
)

// A targetError is a sentence about the target, of the kind of one of the causes above.
type targetError struct {
	kind error
	text string
}

func (e *targetError) Error() string { return e.text }
func (e *targetError) Unwrap() error { return e.kind }

func authError(format string, args ...any) error {
	return &targetError{ErrAuth, fmt.Sprintf(format, args...)}
}

func preflightError(format string, args ...any) error {
	return &targetError{ErrPreflight, fmt.Sprintf(format, args...)}
}

// A causeError is an error that is one of the causes above as well.
type causeError struct{ kind, err error }

func (e *causeError) Error() string   { return e.err.Error() }
func (e *causeError) Unwrap() []error { return []error{e.kind, e.err} }

// unequal makes an ErrUnequal of err.
func unequal(err error) error { return &causeError{ErrUnequal, err} }

// lost is the error of a connection that ended, or did not answer: an ErrTransient. What the server
// sends against the protocol is none.
func lost(err error) error {
	var timeout net.Error
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &timeout) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		return &causeError{ErrTransient, noEOF(err)}
	}
	return err
}

// A CommandError is why a load stopped at one command.
type CommandError struct {
	DB      int    // database of the source
	Key     []byte // the key as the dump has it; nil when the command has none
	Command string // "HSET", without arguments
	Reply   string // what the server answered; empty when it did not
	Err     error  // what is wrong, or to be done
}

func (e *CommandError) Error() string {
	s := "load database " + strconv.Itoa(e.DB)
	if e.Key != nil {
		s += ", key " + quote(e.Key)
	}
	s += ": " + e.Command
	if e.Reply != "" {
		s += " answered " + strconv.Quote(e.Reply)
	}
	return s + ": " + e.Err.Error()
}

func (e *CommandError) Unwrap() error { return e.Err }

// shownBytes is how much of a key or member an error or a LeftOut.Command shows.
const shownBytes = 128

// quote writes b so that any bytes can stand in a line of text.
func quote(b []byte) string {
	if len(b) > shownBytes {
		return strconv.Quote(string(b[:shownBytes])) + "…"
	}
	return strconv.Quote(string(b))
}

// noEOF keeps the end of a connection from being taken for the end of a Source.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the server closed the connection: %w", io.ErrUnexpectedEOF)
	}
	return err
}
