package readback

import (
	"cmp"
	"strconv"

	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"
	"github.com/pika2kvrocks/pika2kvrocks/writer/internal/resp"
)

// An Error is why reading back stopped.
type Error struct {
	DB      int    // database of the source
	Key     []byte // on the target; nil when it is of no one key
	Command string
	Reply   string // empty when there was none
	Err     error
}

func (e *Error) Error() string {
	s := "read back database " + strconv.Itoa(e.DB)
	switch e.Command {
	case "DEL", "EXEC", "FLUSHDB":
		s = "delete from database " + strconv.Itoa(e.DB)
	}
	if e.Key != nil {
		s += ", key " + conn.Quote(e.Key)
	}
	s += ": " + e.Command
	if e.Reply != "" {
		s += " answered " + strconv.Quote(e.Reply)
	}
	return s + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// refused is the error for an error reply, or one that is not expected.
func (c *Client) refused(command, reply string) error {
	return &Error{DB: c.db, Command: command, Reply: reply, Err: cmp.Or(conn.Fatal(reply), resp.ErrUnexpected)}
}
