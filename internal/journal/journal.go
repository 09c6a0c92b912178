// Package journal records how far the load of a dump into a target is, so that it can be killed at
// any moment and resumed. A journal is a store with a log of JSON lines, which is only appended to,
// and a lock.
//
//	j, err := journal.Open(dir, journal.Options{})
//	if j.Began().IsZero() { kept, err = j.Begin(identity, empty, undo) } else { err = j.Check(identity) }
//	u := j.Unit(chunk) // … u.Bind, u.Sending, u.Reach, u.Done
//
// It never looks at the target, and holds no tokens and no values.
package journal

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
)

// Name is the log's name.
const Name = "journal.jsonl"

// Causes that a caller branches on.
var (
	// ErrDiffers: the journal is of another dump or target, or of other options.
	ErrDiffers = errors.New("not the load that was begun")
	// ErrDamaged: the journal cannot be read.
	ErrDamaged = errors.New("the journal is damaged")
	// ErrNoPlace: the directory cannot be written to.
	ErrNoPlace = errors.New("no place for the journal")
)

// Options of a Journal. Zero values mean the defaults.
type Options struct {
	Every time.Duration // shortest time between two points of a unit: default 1 s
	Sync  time.Duration // shortest time between two fsyncs: default 5 s
	// Before is called before a line is kept, so that what it stands for is kept first.
	Before func() error
}

// A Journal is open and locked. Its methods may be called from many goroutines.
type Journal struct {
	store storage.Store
	lock  storage.Lock // nil: only read
	o     Options

	mu       sync.Mutex
	log      storage.Log
	err      error // of a write: what follows it in the log would not be read
	synced   time.Time
	held     time.Time // when the lock was last looked at
	appended int64     // bytes since all was last written at once
	whole    int64     // bytes of that
	anew     bool      // this run has written all at once
	state
}

// A state is what a journal says of its load.
type state struct {
	load     *load // nil: there is none yet
	unsure   string
	runs     map[string]string // of servers, by address
	ran      bool              // they are newer than what was written
	idle     bool
	finished time.Time
	undoing  bool
	undone   time.Time
	kept     int64 // keys that were left when it was undone
	units    map[string]*unit
	recorder recorder
	next     *Next    // the delta that was loaded behind it; nil: none
	deleted  *deleted // of a delta: the first phase is done
}

func newState() state { return state{units: map[string]*unit{}, runs: map[string]string{}} }

// Open locks the directory at path, which is made if need be, and reads the journal in it.
func Open(path string, o Options) (*Journal, error) {
	dir, err := storage.CreateDir(path)
	if err != nil {
		return nil, NoPlace(err)
	}
	return OpenStore(dir, o)
}

// NoPlace is the ErrNoPlace of an error.
func NoPlace(err error) error {
	return fmt.Errorf("%w: %w; choose another place with --state", ErrNoPlace, err)
}

// OpenStore locks a store and reads the journal in it.
func OpenStore(s storage.Store, o Options) (*Journal, error) {
	o.Every, o.Sync = cmp.Or(o.Every, time.Second), cmp.Or(o.Sync, 5*time.Second)
	if o.Before == nil {
		o.Before = func() error { return nil }
	}
	lock, err := s.Lock()
	if err != nil {
		if errors.Is(err, storage.ErrLocked) {
			return nil, err
		}
		return nil, NoPlace(err)
	}
	storage.Supersede(lock)
	j := &Journal{store: s, lock: lock, o: o, held: time.Now(), state: newState()}
	if err := j.open(); err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	return j, nil
}

// Store returns what the journal is kept in.
func (j *Journal) Store() storage.Store { return j.store }

// Path returns where the journal is.
func (j *Journal) Path() string { return j.store.Path("") }

// Began returns when the load began; zero if none has.
func (j *Journal) Began() time.Time {
	if l := locked(j, &j.load); l != nil {
		return l.Began
	}
	return time.Time{}
}

// locked returns a field, which another goroutine may change meanwhile. What a load began with
// stays.
func locked[T any](j *Journal, field *T) T {
	j.mu.Lock()
	defer j.mu.Unlock()
	return *field
}

// Finished returns when the load was finished; zero if it was not.
func (j *Journal) Finished() time.Time { return locked(j, &j.finished) }

// Undone returns when the load was undone; zero if it was not, or is being undone once more.
func (j *Journal) Undone() time.Time { return locked(j, &j.undone) }

// Kept returns how many keys the rollback has left because others had changed them.
func (j *Journal) Kept() int64 { return locked(j, &j.kept) }

// IsUndoing reports whether a rollback was begun.
func (j *Journal) IsUndoing() bool { return locked(j, &j.undoing) }

// Undo returns where what the target held is kept; empty: nowhere.
func (j *Journal) Undo() string { return locked(j, &j.load).Undo }

// BeginUndo says that a rollback begins: the load cannot be resumed any more.
func (j *Journal) BeginUndo() error { return j.note(line{Undoing: time.Now().UTC()}) }

// EndUndo says that nothing of the load is left but so many keys that others have changed.
func (j *Journal) EndUndo(kept int64) error {
	return j.note(line{Undone: time.Now().UTC(), Kept: kept})
}

func (j *Journal) note(l line) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.take(&l); err != nil {
		return err
	}
	return j.writeNow(l)
}

// WasEmpty reports whether the target was seen to be empty before the load.
func (j *Journal) WasEmpty() bool {
	l := locked(j, &j.load)
	return l != nil && l.Empty
}

// Bound returns what the journal is of.
func (j *Journal) Bound() Identity { return locked(j, &j.load).Identity }

// Begin begins a load. A finished one that is there is kept under another name, which is returned.
func (j *Journal) Begin(b Identity, empty bool, undo string) (kept string, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.load != nil {
		if kept, err = j.keep(); err != nil {
			return "", NoPlace(err)
		}
	}
	j.state = newState()
	j.load = &load{Version: version, Began: time.Now().UTC().Truncate(time.Millisecond), Empty: empty, Undo: undo, Identity: b}
	j.recorder.begin(j.load.Began)
	err = j.rewrite()
	if _, local := j.store.(*storage.Dir); !local && err == nil { // others may be at work below a directory
		err = j.store.RemoveTemporaries()
	}
	if err != nil {
		return "", NoPlace(err)
	}
	return kept, nil
}

// Stats returns the sum over all units.
func (j *Journal) Stats() (s checkpoint.Stats) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, u := range j.units {
		s.Add(u.position.Stats)
	}
	return s
}

// History returns how the load went. A journal of a build before 2026-11-28 knows only its runs.
func (j *Journal) History() History {
	j.mu.Lock()
	defer j.mu.Unlock()
	return History{slices.Clone(j.recorder.Moments), slices.Clone(j.recorder.Spans)}
}

// Retried says how many transient errors this run has retried so far.
func (j *Journal) Retried(n int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.recorder.retries = n
}

// MayHaveSent reports whether anything of the load may be on the target.
func (j *Journal) MayHaveSent() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.deleted != nil && j.deleted.Names > 0 {
		return true
	}
	for _, u := range j.units {
		if u.sent > 0 || u.asked > 0 || u.position.Stats.Commands > 0 {
			return true
		}
	}
	return false
}

// Finish says that the load is done.
func (j *Journal) Finish() error {
	return j.note(line{Finished: time.Now().UTC().Truncate(time.Millisecond)})
}

// Checkpoint writes the newest point of every unit, and waits until all is on the disk.
func (j *Journal) Checkpoint() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.load == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(j.units)) {
		if u := j.units[name]; u.dirty {
			if err := j.point(name, u); err != nil {
				return err
			}
		}
	}
	if err := j.writeRuns(); err != nil {
		return err
	}
	return j.sync()
}

// Close makes a checkpoint, and lets other runs in.
func (j *Journal) Close() error {
	err := errors.Join(j.Checkpoint(), j.log.Close(), j.lock.Unlock())
	if _, local := j.store.(*storage.Dir); local && j.load == nil {
		os.Remove(j.Path()) // nothing was begun: if it is empty, it goes
	}
	return err
}

// Next returns the delta that was last about to be loaded behind this load; nil: none was.
func (j *Journal) Next() *Next { return locked(j, &j.next) }

// SetNext notes it, for good.
func (j *Journal) SetNext(n Next) error { return j.note(line{Next: &n}) }

// Deleted reports whether what a delta says is gone is deleted, and how many names were there.
func (j *Journal) Deleted() (names int64, done bool) {
	d := locked(j, &j.deleted)
	if d == nil {
		return 0, false
	}
	return d.Names, true
}

// SetDeleted notes that they are, for good, before anything of the delta is written.
func (j *Journal) SetDeleted(names int64) error {
	return j.note(line{Deleted: &deleted{time.Now().UTC().Truncate(time.Millisecond), names}})
}

// Unsure returns why it is not known whether the target holds what was loaded; empty: it is.
func (j *Journal) Unsure() string { return locked(j, &j.unsure) }

// BeUnsure notes that, for good.
func (j *Journal) BeUnsure(why string) error { return j.note(line{Unsure: why}) }

// BeSure notes that it is known again, for good: a comparison of all has found no difference.
func (j *Journal) BeSure() error {
	if j.Unsure() == "" {
		return nil
	}
	return j.note(line{Sure: time.Now().UTC().Truncate(time.Millisecond)})
}

// Runs returns the state in which each server was last (target.Fence), by address.
func (j *Journal) Runs() map[string]string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return maps.Clone(j.runs)
}

// SetRun notes it, for good now, or before it is written how far a unit is.
func (j *Journal) SetRun(address, state string, now bool) error {
	if now {
		return j.note(line{Run: &serverRun{address, state}})
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.runs[address], j.ran = state, true
	return nil
}

// IsIdle reports whether the last run was not killed, and has ended with nothing under way.
func (j *Journal) IsIdle() bool { return locked(j, &j.idle) }

// SetIdle notes that, or that a run goes on, for good.
func (j *Journal) SetIdle(idle bool) error {
	if idle {
		return j.note(line{Idle: time.Now().UTC(), Retries: locked(j, &j.recorder.retries)})
	}
	return j.note(line{Running: time.Now().UTC()})
}
