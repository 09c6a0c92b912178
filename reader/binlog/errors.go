package binlog

import (
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// Causes that a caller branches on, with errors.Is. They are those of package reader.
var (
	// ErrAuth: the master wants another password.
	ErrAuth = resp.ErrAuth
	// ErrUnavailable: the connection failed, or nothing came in time. A new session from
	// [Session.Positions] may help.
	ErrUnavailable = resp.ErrUnavailable
)

// place writes a position as messages show it.
func place(p format.BinlogPosition) string {
	return fmt.Sprintf("db%d %d:%d", p.DB, p.File, p.Offset)
}

// A Reason says why a position cannot be followed.
type Reason int

const (
	// Purged: the master has deleted the file of the position.
	Purged Reason = iota + 1
	// Ahead: the master's binlog ends before the position.
	Ahead
	// NotAnItem: no item begins at the position.
	NotAnItem
)

// A PositionError is the master's refusal to begin at a position.
type PositionError struct {
	Asked, Master format.BinlogPosition // Master is where its binlog ends
	Reason        Reason
}

func (e *PositionError) Error() string {
	var why string
	switch e.Reason {
	case Purged:
		why = "the source has deleted the binlog there. What was written since is found by a comparison:" +
			" pikadump dump --base; to keep more for the next time, raise expire-logs-nums at the source" +
			" (CONFIG SET expire-logs-nums 100) before the dump"
	case Ahead:
		why = fmt.Sprintf("the binlog ends at %d:%d: this is another server, or its data were replaced; make a new base, or compare: pikadump dump --base", e.Master.File, e.Master.Offset)
	default:
		why = "no command begins there: this is another server, or its data were replaced; make a new base, or compare: pikadump dump --base"
	}
	return fmt.Sprintf("cannot begin at %s: %s", place(e.Asked), why)
}

// SaysWhatToDo tells whoever shows the error that no hint is needed.
func (e *PositionError) SaysWhatToDo() bool { return true }

// An UnknownDatabaseError: the master has no such database.
type UnknownDatabaseError struct{ DB int }

func (e *UnknownDatabaseError) Error() string {
	return fmt.Sprintf("follow the binlog of db%d: the source has no such database", e.DB)
}

// A CommandError is of a command that does not tell which keys it wrote: it deleted all, or those
// of a pattern, or it is not in the table, and which of its arguments are names is not guessed.
type CommandError struct {
	Command string                // in lower case; with its arguments if it is known
	At      format.BinlogPosition // where the item begins
	text    string
}

func (e *CommandError) Error() string { return "binlog at " + place(e.At) + ": " + e.text }

// SaysWhatToDo tells whoever shows the error that no hint is needed.
func (e *CommandError) SaysWhatToDo() bool { return true }

// An ItemError is of an item that no Pika should write, or of one with more names than
// [Options.MaxNames] allows.
type ItemError struct {
	At  format.BinlogPosition // where the item begins
	Err error
}

func (e *ItemError) Error() string { return fmt.Sprintf("binlog at %s: %v", place(e.At), e.Err) }
func (e *ItemError) Unwrap() error { return e.Err }
