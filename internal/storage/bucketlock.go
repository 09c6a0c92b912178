package storage

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A holder is what the lock of a bucket says of the run that holds it. No kernel takes the object away
// when that run is killed: the next one on the same machine sees that the process is gone, others
// must be told.
type holder struct {
	ID      string    `json:"id"` // random
	Host    string    `json:"host"`
	Machine string    `json:"machine"` // since when it runs, and the processes that it knows: numbers of two of them mean nothing
	Process int       `json:"process"`
	Since   time.Time `json:"since"`
}

func newHolder() holder {
	h := holder{ID: rand.Text(), Machine: machine(), Process: os.Getpid(), Since: time.Now().UTC().Truncate(time.Second)}
	h.Host, _ = os.Hostname()
	return h
}

// machine identifies the boot of the kernel and the namespace of process numbers; empty if it cannot.
func machine() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	space, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + " " + space
}

// gone reports whether the holder is known to have ended.
func (h *holder) gone() bool {
	here := newHolder()
	if h.Machine == "" || h.Machine != here.Machine || h.Host != here.Host || h.Process <= 0 {
		return false
	}
	return errors.Is(syscall.Kill(h.Process, 0), syscall.ESRCH)
}

// A bucketLock is an object.
type bucketLock struct {
	b  *Bucket
	id string
}

// Lock puts the lock under the prefix, or returns ErrLocked. That of a run that was killed on this
// machine is taken over.
func (b *Bucket) Lock() (Lock, error) {
	own := newHolder()
	data, err := json.Marshal(own)
	if err != nil {
		return nil, err
	}
	err = b.putBytes(lockName, data)
	if errors.Is(err, fs.ErrExist) {
		err = b.takeOver(data)
	}
	if err != nil {
		return nil, err
	}
	return &bucketLock{b, own.ID}, nil
}

// takeOver replaces the lock of a run that is gone, one run of this machine at a time.
func (b *Bucket) takeOver(data []byte) error {
	one, err := os.OpenFile(filepath.Join(os.TempDir(), fmt.Sprintf("pika2kvrocks-%d.lock", os.Getuid())), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("lock %s: %w", b, err)
	}
	defer one.Close()
	if err := syscall.Flock(int(one.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", b, err)
	}
	h, err := b.holder()
	switch {
	case errors.Is(err, fs.ErrNotExist): // it has just ended
	case err != nil:
		return err
	case !h.gone() && !b.breakLock:
		return fmt.Errorf("%w in %s (process %d on %s since %v): wait for it, or stop it; if it is known to be gone, give --break-lock, or remove %s",
			ErrLocked, b, h.Process, h.Host, h.Since.Format(time.RFC3339), b.Path(lockName))
	default:
		if err := b.Remove(lockName); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := b.putBytes(lockName, data); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w in %s: it has just begun", ErrLocked, b)
	} else if err != nil {
		return err
	}
	return nil
}

// holder reads the lock. One that cannot be read is of nobody who is known to be gone.
func (b *Bucket) holder() (h holder, err error) {
	data, err := ReadFile(b, lockName, 1<<16)
	if err != nil {
		return h, err
	}
	if json.Unmarshal(data, &h) != nil {
		h = holder{Host: "an unknown host"}
	}
	return h, nil
}

// Held returns ErrLocked if the lock is that of another run.
func (l *bucketLock) Held() error {
	h, err := l.b.holder()
	if errors.Is(err, fs.ErrNotExist) || err == nil && h.ID != l.id {
		return fmt.Errorf("%w in %s: it has broken the lock of this one", ErrLocked, l.b)
	}
	return err
}

// Unlock lets other runs in.
func (l *bucketLock) Unlock() error {
	if err := l.Held(); err != nil {
		return err
	}
	return l.b.Remove(lockName)
}
