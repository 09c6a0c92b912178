package writer

import "github.com/pika2kvrocks/pika2kvrocks/writer/internal/conn"

// Causes that a caller branches on, with errors.Is. The packages below return them as well.
var (
	// ErrAuth: the target refuses the credentials, or wants some.
	ErrAuth = conn.ErrAuth
	// ErrPreflight: the target cannot be loaded as it is.
	ErrPreflight = conn.ErrPreflight
	// ErrTransient: what failed may pass by itself, so that it is worth trying again from the last
	// checkpoint: a lost connection, a server that is busy or starts.
	ErrTransient = conn.ErrTransient
	// ErrOperator: somebody has to help the target before the load can go on.
	ErrOperator = conn.ErrOperator
	// ErrBusy: another run of the same load is at work at the target.
	ErrBusy = conn.ErrBusy
	// ErrUnequal: the key that is open at a checkpoint, or one that was sent a second time, does
	// not look as the load left it. It must be written anew, from Checkpoint.Beginning on.
	ErrUnequal = conn.ErrUnequal
)

func unequal(err error) error { return conn.Mark(ErrUnequal, err) }

// perhapsUnequal makes an ErrUnequal of err if an earlier run may have sent some of k.
func (k *key) perhapsUnequal(err error) error {
	if k.again || k.resumed {
		return unequal(err)
	}
	return err
}

// A CommandError is why a load stopped at one command.
type CommandError = conn.CommandError

// stopped is the error that ends a load at a command about k, which may be nil.
func stopped(db int, command string, k *key, reply string, err error) error {
	e := &CommandError{Doing: "load", DB: db, Command: command, Reply: reply, Err: err}
	if k != nil {
		e.Key = clone(k.source)
	}
	return e
}
