package storage

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
)

// ErrLocked: another run is at work in the directory.
var ErrLocked = exitcode.New(exitcode.Locked, "another run is at work")

// A fileLock is a locked file.
type fileLock struct{ f *os.File }

// Lock locks the directory for this process, or returns ErrLocked.
func (d *Dir) Lock() (Lock, error) {
	l, err := d.lock(lockName, syscall.LOCK_EX)
	if err != nil {
		return nil, err
	}
	// No shard is at work: what there is of their locks is left over.
	files, err := os.ReadDir(d.root)
	for _, f := range files {
		if strings.HasPrefix(f.Name(), shardLock) {
			err = errors.Join(err, os.Remove(filepath.Join(d.root, f.Name())))
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", d.root, err), l.Unlock())
	}
	return l, nil
}

// LockShard locks the directory for a shard, or returns ErrLocked.
func (d *Dir) LockShard(name string) (Lock, error) {
	all, err := d.lock(lockName, syscall.LOCK_SH)
	if err != nil {
		return nil, err
	}
	own, err := d.lock(shardLock+name, syscall.LOCK_EX)
	if err != nil {
		all.f.Close()
		return nil, err
	}
	return &sharedLock{own, all}, nil
}

// lock locks a file, alone or together with others.
func (d *Dir) lock(name string, how int) (*fileLock, error) {
	path := filepath.Join(d.root, name)
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", d.root, err)
		}
		if err := d.flock(f, how); err != nil {
			f.Close()
			return nil, err
		}
		// The run before may have removed the file between our opening and locking it.
		if st, err := os.Stat(path); err == nil {
			if own, err := f.Stat(); err == nil && os.SameFile(st, own) {
				host, _ := os.Hostname()
				says := fmt.Sprintf("process %d on %s\n", os.Getpid(), host)
				if how == syscall.LOCK_SH {
					says = "a shard of the dump\n"
				}
				// For people only: on a full disk it stays empty.
				if f.Truncate(0) == nil {
					_, _ = f.WriteString(says)
				}
				return &fileLock{f}, nil
			}
		}
		f.Close()
	}
}

// flock locks an open file of the directory, or returns ErrLocked.
func (d *Dir) flock(f *os.File, how int) error {
	err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		holder, _ := io.ReadAll(io.LimitReader(f, 256))
		return fmt.Errorf("%w in %s (%s): wait for it, or stop it", ErrLocked, d.root, strings.TrimSpace(string(holder)))
	case err != nil:
		return fmt.Errorf("lock %s: %w", d.root, err)
	}
	return nil
}

// Held returns nil: the kernel keeps the lock.
func (l *fileLock) Held() error { return nil }

func (l *fileLock) Unlock() error { return errors.Join(os.Remove(l.f.Name()), l.f.Close()) }

// A sharedLock is that of a shard: its own file, and the one of all, which the others may hold as
// well.
type sharedLock struct {
	*fileLock
	all *fileLock
}

// Unlock lets other runs in when no other shard is at work. The last shard removes the file of all.
func (l *sharedLock) Unlock() error {
	err := l.fileLock.Unlock()
	if syscall.Flock(int(l.all.f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		err = errors.Join(err, os.Remove(l.all.f.Name()))
	}
	return errors.Join(err, l.all.f.Close())
}
