package writer

import (
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Causes that a caller branches on, with errors.Is.
var (
	// ErrAuth: the target refuses the credentials, or wants some.
	ErrAuth = errors.New("authentication")
	// ErrPreflight: the target cannot be loaded as it is.
	ErrPreflight = errors.New("pre-flight check")
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
