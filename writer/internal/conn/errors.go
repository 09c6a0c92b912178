package conn

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"

	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// Causes that a caller branches on, with errors.Is. Package writer says what they mean.
var (
	ErrAuth      = errors.New("authentication")
	ErrPreflight = errors.New("pre-flight check")
	ErrTransient = errors.New("transient")
	ErrOperator  = errors.New("operator")
	ErrBusy      = errors.New("busy")
	ErrUnequal   = errors.New("unequal")
)

// Authf makes an ErrAuth.
func Authf(format string, args ...any) error { return Mark(ErrAuth, fmt.Errorf(format, args...)) }

// Preflightf makes an ErrPreflight.
func Preflightf(format string, args ...any) error {
	return Mark(ErrPreflight, fmt.Errorf(format, args...))
}

// Mark makes an error one of the causes above as well.
func Mark(kind, err error) error { return &causeError{kind, err} }

// A causeError is an error that is one of the causes above as well.
type causeError struct{ kind, err error }

func (e *causeError) Error() string   { return e.err.Error() }
func (e *causeError) Unwrap() []error { return []error{e.kind, e.err} }

// A CommandError is why a load, or what reads back, stopped at one command.
type CommandError struct {
	Doing   string // "load", "read back" or "delete from"
	DB      int    // database of the source
	Key     []byte // as the dump has it, of what reads back on the target; nil when it is of no one key
	Command string // "HSET", without arguments
	Reply   string // what the server answered; empty when it did not
	Err     error  // what is wrong, or to be done
}

func (e *CommandError) Error() string {
	s := e.Doing + " database " + strconv.Itoa(e.DB)
	if e.Key != nil {
		s += ", key " + resp.Quote(e.Key)
	}
	s += ": " + e.Command
	if e.Reply != "" {
		s += " answered " + strconv.Quote(e.Reply)
	}
	return s + ": " + e.Err.Error()
}

func (e *CommandError) Unwrap() error { return e.Err }

// Lost is the error of a connection that ended, or did not answer: an ErrTransient.
// What the server sends against the protocol is none.
func Lost(err error) error {
	var timeout net.Error
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.As(err, &timeout) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		return Mark(ErrTransient, NoEOF(err))
	}
	return err
}

// NoEOF keeps the end of a connection from being taken for the end of a Source.
func NoEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the server closed the connection: %w", io.ErrUnexpectedEOF)
	}
	return err
}

type connectError struct {
	addr string
	err  error
}

func (e *connectError) Error() string { return "connect to target " + e.addr + ": " + e.err.Error() }
func (e *connectError) Unwrap() error { return e.err }

// connectFailed is the error of a connection to the server at addr.
func connectFailed(addr string, err error) error {
	err = Lost(err)
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		err = fmt.Errorf("%w; is the address right, and is the server running?", err)
	}
	return &connectError{addr, err}
}

// IsLost reports whether err is of a connection, and not of what a server answered.
func IsLost(err error) bool { return errors.As(err, new(*connectError)) }

// A ReplyError is an error that a server answered.
type ReplyError string

func (e ReplyError) Error() string { return string(e) }

// AsReply tells an error that the server answered from one of the connection.
func AsReply(err error) (reply string, ok bool) {
	e, ok := errors.AsType[ReplyError](err)
	return string(e), ok
}

// RefusedAtStart is the error for an error reply to one of the first commands.
func RefusedAtStart(addr, command, reply string) error {
	switch {
	case strings.HasPrefix(reply, "NOAUTH"):
		return Authf("target %s wants a password: give one", addr)
	case strings.HasPrefix(reply, "NOPERM"):
		return Authf("target %s does not let this user run %s: %s", addr, command, reply)
	case strings.HasPrefix(reply, "LOADING"):
		return Mark(ErrTransient, Preflightf("target %s is still loading its data: try again when it is done", addr))
	case strings.HasPrefix(reply, "MASTERDOWN"):
		return Mark(ErrTransient, Preflightf("target %s is a replica that has lost its master: give the address of a master", addr))
	case strings.Contains(reply, "max number of clients"):
		return Mark(ErrTransient, fmt.Errorf("target %s has no connection free: raise maxclients or use fewer workers", addr))
	}
	return Preflightf("target %s refuses %s: %s", addr, command, reply)
}

// shownBytes is how much of a reply an error shows.
const shownBytes = 128

// Shown is the beginning of a reply, fit for a line.
func Shown(reply string) string {
	if reply = strings.Map(printable, reply); len(reply) > shownBytes {
		return reply[:shownBytes] + "…"
	}
	return reply
}

func printable(r rune) rune {
	if strconv.IsPrint(r) {
		return r
	}
	return '?'
}

// Size writes bytes in GiB, or MiB below.
func Size(n int64) string {
	if n >= 1<<30 {
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}
