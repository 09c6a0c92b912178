package verifytarget

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/leftout"
	"github.com/pika2kvrocks/pika2kvrocks/internal/load"
	"github.com/pika2kvrocks/pika2kvrocks/internal/pace"
	"github.com/pika2kvrocks/pika2kvrocks/internal/sample"
)

// Options say what is compared, and how.
type Options struct {
	load.Spec

	Report string // file for what differs; empty: none
	// LeftOut is the list of what the load has left out: a file that the user names, or OpenLeftOut
	// opens it. Neither: there is none.
	LeftOut     string
	OpenLeftOut func() (io.ReadCloser, error)

	KeysOnly bool           // type, length and expiry, without the elements
	Sample   *sample.Sample // nil: all keys
	Rounds   int            // each after the first reads again what differed in the one before
	Reverse  bool           // look for keys that only the target has

	Limits pace.Limits // of reading from the target

	some bool // of VerifySome
}

// budget is how many bytes of the target's answers are held at once, over all connections.
const budget = 8 << 20

// readLeftOut reads the list of what the load has left out; nil if there is none.
func (o *Options) readLeftOut() (*leftout.List, error) {
	open, fail := o.OpenLeftOut, func(err error) error { return fmt.Errorf("read what was left out: %w", err) }
	if o.LeftOut != "" {
		open = func() (io.ReadCloser, error) { return os.Open(o.LeftOut) }
		fail = func(err error) error { return exitcode.Usagef("--left-out %s: %w", o.LeftOut, err) }
	}
	if open == nil {
		return nil, nil
	}
	f, err := open()
	if errors.Is(err, fs.ErrNotExist) && o.LeftOut == "" {
		return nil, nil
	}
	if err != nil {
		return nil, fail(err)
	}
	defer f.Close()
	list, err := leftout.ReadList(f)
	if err != nil {
		return nil, fail(err)
	}
	return list, nil
}
