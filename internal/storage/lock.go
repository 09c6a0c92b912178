package storage

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrLocked: another run is at work in the directory.
var ErrLocked = errors.New("another run is at work")

// lockName is the file that a run locks. The kernel lets go of the lock when the run ends, however it
// ends: a file that is left over means nothing.
const lockName = ".lock"

// A fileLock is a locked file.
type fileLock struct{ f *os.File }

// Lock locks the directory for this process, or returns ErrLocked.
func (d *Dir) Lock() (Lock, error) {
	path := filepath.Join(d.root, lockName)
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", d.root, err)
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			holder, _ := io.ReadAll(io.LimitReader(f, 256))
			f.Close()
			if errors.Is(err, syscall.EWOULDBLOCK) {
				return nil, fmt.Errorf("%w in %s (%s): wait for it, or stop it", ErrLocked, d.root, strings.TrimSpace(string(holder)))
			}
			return nil, fmt.Errorf("lock %s: %w", d.root, err)
		}
		// The run before may have removed the file between our opening and locking it.
		if st, err := os.Stat(path); err == nil {
			if own, err := f.Stat(); err == nil && os.SameFile(st, own) {
				host, _ := os.Hostname()
				// For people only: on a full disk it stays empty.
				if f.Truncate(0) == nil {
					fmt.Fprintf(f, "process %d on %s\n", os.Getpid(), host)
				}
				return &fileLock{f}, nil
			}
		}
		f.Close()
	}
}

// Held returns nil: the kernel keeps the lock.
func (l *fileLock) Held() error { return nil }

// Unlock lets other runs in.
func (l *fileLock) Unlock() error {
	return errors.Join(os.Remove(l.f.Name()), l.f.Close())
}
