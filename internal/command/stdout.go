package command

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
)

// A stdout is standard output, which remembers whether something could not be written: a command
// that prints its result, but does not look whether that is done, fails all the same.
type stdout struct {
	to  io.Writer
	mu  sync.Mutex
	err error // the first
}

func (o *stdout) Write(p []byte) (int, error) {
	n, err := o.to.Write(p)
	if err != nil {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.err == nil {
			o.err = err
		}
	}
	return n, err
}

// Unwrap returns where it goes, which may be a terminal.
func (o *stdout) Unwrap() io.Writer { return o.to }

// failed returns why not all was written there, or err, if the command could not say what it came
// to. Whoever has read enough and ends, as head does, is no failure of the command.
func (o *stdout) failed(err error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err = cmp.Or(o.err, err); err == nil || errors.Is(err, syscall.EPIPE) {
		return nil
	}
	return fmt.Errorf("write what the run came to: %w", err)
}
