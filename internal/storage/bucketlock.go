package storage

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A holder is what the lock of a bucket says of the run that holds it. No kernel takes the object
// away when that run is killed: the next one on the same machine sees that the process is gone,
// others must be told.
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

// machine identifies the boot of the kernel and the namespace of process numbers; empty if it
// cannot.
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
	b    *Bucket
	name string
	id   string
}

// Lock puts the lock under the prefix, or returns ErrLocked. That of a run that was killed on this
// machine is taken over. Who has put its own lock looks for those that it does not go with: of a
// run and a shard that begin at once, at least one sees the other.
func (b *Bucket) Lock() (Lock, error) {
	return b.lock(lockName, func() ([]string, error) {
		all, err := b.list()
		return slices.DeleteFunc(all, func(name string) bool { return !strings.HasPrefix(name, shardLock) }), err
	})
}

// LockShard is Lock for a shard.
func (b *Bucket) LockShard(name string) (Lock, error) {
	return b.lock(shardLock+name, func() ([]string, error) { return []string{lockName}, nil })
}

// lock puts a lock. Those that others returns must not be there.
func (b *Bucket) lock(name string, others func() ([]string, error)) (Lock, error) {
	own := newHolder()
	data, err := json.Marshal(own)
	if err != nil {
		return nil, err
	}
	err = b.putBytes(name, data)
	if errors.Is(err, fs.ErrExist) {
		err = b.takeOver(name, data)
	}
	if err != nil {
		return nil, err
	}
	l := &bucketLock{b, name, own.ID}
	names, err := others()
	for _, other := range names {
		if err == nil {
			err = b.alone(func() error { return b.clear(other) })
		}
	}
	if err != nil {
		return nil, errors.Join(err, l.Unlock())
	}
	return l, nil
}

// takeOver replaces the lock of a run that is gone.
func (b *Bucket) takeOver(name string, data []byte) error {
	return b.alone(func() error {
		if err := b.clear(name); err != nil {
			return err
		}
		err := b.putBytes(name, data)
		if errors.Is(err, fs.ErrExist) {
			err = fmt.Errorf("%w in %s: it has just begun", ErrLocked, b)
		}
		return err
	})
}

// alone calls f for one run of this machine at a time.
func (b *Bucket) alone(f func() error) error {
	one, err := os.OpenFile(filepath.Join(os.TempDir(), fmt.Sprintf("pika2kvrocks-%d.lock", os.Getuid())), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("lock %s: %w", b, err)
	}
	defer one.Close()
	if err := syscall.Flock(int(one.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", b, err)
	}
	return f()
}

// clear removes a lock, if there is one, of a run that is gone.
func (b *Bucket) clear(name string) error {
	there, err := b.unlocked(name)
	if err != nil || !there {
		return err
	}
	if err := b.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// unlocked reports whether a lock is there, and returns ErrLocked if it is not of a run that is
// gone.
func (b *Bucket) unlocked(name string) (there bool, err error) {
	h, err := b.holder(name)
	switch {
	case errors.Is(err, fs.ErrNotExist): // it has just ended
		return false, nil
	case err != nil:
		return false, err
	case !h.gone() && !b.breakLock:
		return true, fmt.Errorf("%w in %s (process %d on %s since %v): wait for it, or stop it; if it is known to be gone, give --break-lock, or remove %s",
			ErrLocked, b, h.Process, h.Host, h.Since.Format(time.RFC3339), b.Path(name))
	}
	return true, nil
}

// holder reads a lock. One that cannot be read is of nobody who is known to be gone.
func (b *Bucket) holder(name string) (h holder, err error) {
	data, err := ReadFile(b, name, 1<<16)
	if err != nil {
		return h, err
	}
	if json.Unmarshal(data, &h) != nil {
		h = holder{Host: "an unknown host"}
	}
	return h, nil
}

// Supersede lets the holder of the lock of a whole store replace files that are there under the
// names that it writes. In a bucket, what a killed run had sent can arrive when the next has looked
// at what there is.
func Supersede(l Lock) {
	if own, ok := l.(*bucketLock); ok && own.name == lockName {
		own.b.own = own
	}
}

// replaces reports whether an object may be put in the place of another: not one that only one of
// several runs can have made.
func (b *Bucket) replaces(name string) bool { return b.own != nil && !hidden(path.Base(name)) }

// Held returns ErrLocked if the lock is that of another run.
func (l *bucketLock) Held() error {
	h, err := l.b.holder(l.name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && h.ID != l.id {
		return fmt.Errorf("%w in %s: it has broken the lock of this one", ErrLocked, l.b)
	}
	return err
}

func (l *bucketLock) Unlock() error {
	if err := l.Held(); err != nil {
		return err
	}
	return l.b.Remove(l.name)
}
