// Package journal records how far the load of a dump into a target is, so that it can be killed at any
// moment and gone on with. A journal is a directory with one file of JSON lines, which is only
// appended to, and a lock.
package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// Name is the file's name.
const Name = "journal.jsonl"

// maxSize bounds a journal that is read: far more than a line a second of every unit.
const maxSize = 4 << 30

// Causes that a caller branches on.
var (
	// ErrDiffers: the journal is of another dump or target, or of other options.
	ErrDiffers = errors.New("the load cannot be gone on with")
	// ErrDamaged: the journal cannot be read.
	ErrDamaged = errors.New("the journal is damaged")
	// ErrNoPlace: the directory cannot be written to.
	ErrNoPlace = errors.New("no place for the journal")
)

// Options of a Journal. Zero values mean the defaults.
type Options struct {
	Every time.Duration // shortest time between two points of a unit: default 1 s
	Sync  time.Duration // shortest time between two fsyncs: default 5 s
	// Before is called before a line is written, so that what it stands for is kept first.
	Before func() error
}

// A Journal is open and locked. Its methods may be called from many goroutines.
type Journal struct {
	dir  *storage.Dir
	lock storage.Lock
	o    Options

	mu       sync.Mutex
	f        *os.File
	err      error // of a write: what follows it in the file would not be read
	synced   time.Time
	load     *load // nil: there is none yet
	finished time.Time
	undoing  bool
	undone   time.Time
	units    map[string]*unit
}

// A unit is what the journal knows of one.
type unit struct {
	position Position
	written  time.Time // when position was last written; zero: never
	dirty    bool      // position is newer than what was written
	done     bool
	asked    int64
	existed  map[int64]bool
}

// Open locks the directory at path, which is made if need be, and reads the journal in it.
func Open(path string, o Options) (*Journal, error) {
	if o.Every == 0 {
		o.Every = time.Second
	}
	if o.Sync == 0 {
		o.Sync = 5 * time.Second
	}
	dir, err := storage.CreateDir(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; choose another directory with --state", ErrNoPlace, err)
	}
	lock, err := dir.Lock()
	if err != nil {
		if errors.Is(err, storage.ErrLocked) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w; choose another directory with --state", ErrNoPlace, err)
	}
	j := &Journal{dir: dir, lock: lock, o: o, units: map[string]*unit{}}
	if err := j.read(); err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	return j, nil
}

func (j *Journal) path() string { return j.dir.Path(Name) }

// read takes up the file, if there is one, and cuts off a torn last line.
func (j *Journal) read() error {
	data, err := storage.ReadFile(j.dir, Name, maxSize)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	whole, err := parse(data, j.take)
	if err == nil && j.load == nil {
		err = errors.New("it is empty")
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w; remove it and load again with --on-exists replace", ErrDamaged, j.path(), err)
	}
	if err := j.append(int64(whole)); err != nil {
		return fmt.Errorf("%w: %w", ErrNoPlace, err)
	}
	return nil
}

// append opens the file behind its whole lines.
func (j *Journal) append(whole int64) error {
	f, err := os.OpenFile(j.path(), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	if err := f.Truncate(whole); err != nil {
		return errors.Join(err, f.Close())
	}
	j.f, j.synced = f, time.Now()
	return nil
}

// take takes up a line.
func (j *Journal) take(l *line) error {
	switch {
	case l.Load != nil:
		if l.Load.Version != version {
			return fmt.Errorf("its version is %d, this tool knows %d", l.Load.Version, version)
		}
		j.load = l.Load
	case l.Point != nil:
		j.unit(l.Point.Unit).position = l.Point.Position
	case l.Found != nil:
		j.unit(l.Found.Unit).found(l.Found.Asked, l.Found.Existed)
	case l.Done != nil:
		u := j.unit(l.Done.Unit)
		u.done, u.position = true, Position{Stats: l.Done.Stats}
	case !l.Finished.IsZero():
		j.finished = l.Finished
	case !l.Undoing.IsZero():
		j.undoing = true
	case !l.Undone.IsZero():
		j.undone = l.Undone
	default:
		return errors.New("a line says nothing that is known")
	}
	return nil
}

func (j *Journal) unit(name string) *unit {
	u := j.units[name]
	if u == nil {
		u = &unit{}
		j.units[name] = u
	}
	return u
}

func (u *unit) found(asked int64, existed []int64) {
	u.asked = max(u.asked, asked)
	if u.existed == nil {
		u.existed = map[int64]bool{}
	}
	for _, n := range existed {
		u.existed[n] = true
	}
}

// Path returns where the journal is.
func (j *Journal) Path() string { return j.dir.Path("") }

// Began returns when the load began; zero if none has.
func (j *Journal) Began() time.Time {
	if j.load == nil {
		return time.Time{}
	}
	return j.load.Began
}

// Finished returns when the load was finished; zero if it was not.
func (j *Journal) Finished() time.Time { return j.finished }

// Undone returns when the load was taken back; zero if it was not.
func (j *Journal) Undone() time.Time { return j.undone }

// IsUndoing reports whether taking it back was begun.
func (j *Journal) IsUndoing() bool { return j.undoing }

// Undo returns where what the target held is kept; empty: nowhere.
func (j *Journal) Undo() string { return j.load.Undo }

// BeginUndo says that the load is being taken back, for good.
func (j *Journal) BeginUndo() error { return j.note(line{Undoing: time.Now().UTC()}) }

// EndUndo says that nothing of the load is left.
func (j *Journal) EndUndo() error { return j.note(line{Undone: time.Now().UTC()}) }

func (j *Journal) note(l line) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return errors.Join(j.write(l), j.sync())
}

// WasEmpty reports whether the target was seen to be empty before the load.
func (j *Journal) WasEmpty() bool { return j.load != nil && j.load.Empty }

// Check compares what the journal is of with the run at hand.
func (j *Journal) Check(b Binding) error {
	if diff := b.difference(&j.load.Binding); diff != "" {
		return fmt.Errorf("%w: %s holds the journal of another load: %s; give what it was begun with, or another directory with --state",
			ErrDiffers, j.Path(), diff)
	}
	return nil
}

// Bound returns what the journal is of.
func (j *Journal) Bound() Binding { return j.load.Binding }

// Begin begins a load. A finished one that is there is kept under another name, which is returned.
func (j *Journal) Begin(b Binding, empty bool, undo string) (kept string, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.f != nil {
		if err := j.f.Close(); err != nil {
			return "", err
		}
		j.f = nil
		kept = filepath.Join(j.Path(), "journal-"+j.load.Began.UTC().Format("20060102T150405.000")+".jsonl")
		if err := os.Rename(j.path(), kept); err != nil {
			return "", fmt.Errorf("%w: %w", ErrNoPlace, err)
		}
	}
	j.load = &load{Version: version, Began: time.Now().UTC().Truncate(time.Millisecond), Empty: empty, Undo: undo, Binding: b}
	j.units, j.finished, j.undone, j.undoing = map[string]*unit{}, time.Time{}, time.Time{}, false
	first, err := json.Marshal(line{Load: j.load})
	if err != nil {
		return "", err
	}
	first = append(first, '\n')
	if err := errors.Join(j.dir.RemoveTemporaries(), storage.WriteFile(j.dir, Name, first)); err != nil {
		return "", fmt.Errorf("%w: %w; choose another directory with --state", ErrNoPlace, err)
	}
	return kept, j.append(int64(len(first)))
}

// Stats returns the sum over all units.
func (j *Journal) Stats() (s Stats) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, u := range j.units {
		s.Add(u.position.Stats)
	}
	return s
}

// Finish says that the load is done.
func (j *Journal) Finish() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.finished = time.Now().UTC().Truncate(time.Millisecond)
	return errors.Join(j.write(line{Finished: j.finished}), j.sync())
}

// Checkpoint writes the newest point of every unit, and waits until all is on the disk.
func (j *Journal) Checkpoint() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.f == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(j.units)) {
		if u := j.units[name]; u.dirty {
			if err := j.point(name, u); err != nil {
				return err
			}
		}
	}
	return j.sync()
}

// Close makes a checkpoint, and lets other runs in.
func (j *Journal) Close() error {
	err := j.Checkpoint()
	if j.f != nil {
		err = errors.Join(err, j.f.Close())
	}
	err = errors.Join(err, j.lock.Unlock())
	if j.load == nil {
		os.Remove(j.Path()) // nothing was begun: if it is empty, it goes
	}
	return err
}

func (j *Journal) write(l line) error {
	if j.err != nil {
		return j.err
	}
	data, err := json.Marshal(l)
	if err == nil && j.o.Before != nil {
		err = j.o.Before()
	}
	if err == nil {
		_, err = j.f.Write(append(data, '\n'))
	}
	if err != nil {
		j.err = fmt.Errorf("write journal: %w", err)
	}
	return j.err
}

func (j *Journal) sync() error {
	if j.err != nil {
		return j.err
	}
	if err := j.f.Sync(); err != nil {
		j.err = fmt.Errorf("write journal: %w", err)
	}
	j.synced = time.Now()
	return j.err
}

// point writes the position of a unit.
func (j *Journal) point(name string, u *unit) error {
	u.written, u.dirty = time.Now(), false
	return j.write(line{Point: &point{name, u.position}})
}
