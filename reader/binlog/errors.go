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

// A FlushedError is of a command that deleted all keys.
type FlushedError struct {
	Command string
	At      format.BinlogPosition // where the item begins
}

func (e *FlushedError) Error() string {
	return fmt.Sprintf("binlog at %s: %s deleted all keys of the database (of one type, if it names one): make a new base with pikadump dump, or compare with pikadump dump --base", place(e.At), e.Command)
}

// SaysWhatToDo tells whoever shows the error that no hint is needed.
func (e *FlushedError) SaysWhatToDo() bool { return true }

// A PatternError is of a command that deleted keys by a pattern: nothing says which.
type PatternError struct {
	Pattern []byte
	Type    string
	At      format.BinlogPosition // where the item begins
}

func (e *PatternError) Error() string {
	return fmt.Sprintf("binlog at %s: PKPATTERNMATCHDEL %q %s deleted keys that the binlog does not name: find them by a comparison with pikadump dump --base", place(e.At), e.Pattern, e.Type)
}

// SaysWhatToDo tells whoever shows the error that no hint is needed.
func (e *PatternError) SaysWhatToDo() bool { return true }

// An UnknownCommandError is of a command that is not in the table: which of its arguments are names
// is not guessed.
type UnknownCommandError struct {
	Command string
	At      format.BinlogPosition // where the item begins
}

func (e *UnknownCommandError) Error() string {
	return fmt.Sprintf("binlog at %s: command %q is not known, so neither are the keys that it wrote: find them by a comparison with pikadump dump --base, and report the command and the version of the source", place(e.At), e.Command)
}

// SaysWhatToDo tells whoever shows the error that no hint is needed.
func (e *UnknownCommandError) SaysWhatToDo() bool { return true }

// An ItemError is of an item that no Pika should write, or of one with more names than
// [Options.MaxNames] allows.
type ItemError struct {
	At  format.BinlogPosition // where the item begins
	Err error
}

func (e *ItemError) Error() string { return fmt.Sprintf("binlog at %s: %v", place(e.At), e.Err) }
func (e *ItemError) Unwrap() error { return e.Err }
