// Package journal records how far the load of a dump into a target is, so that it can be killed at any
// moment and gone on with. A journal is a store with a log of JSON lines, which is only appended to,
// and a lock.
package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
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
	load     *load     // nil: there is none yet
	unsure   string
	runs     map[string]string // of servers, by address
	idle     bool
	finished time.Time
	undoing  bool
	undone   time.Time
	units    map[string]*unit
}

// Open locks the directory at path, which is made if need be, and reads the journal in it.
func Open(path string, o Options) (*Journal, error) {
	dir, err := storage.CreateDir(path)
	if err != nil {
		return nil, noPlace(err)
	}
	return OpenStore(dir, o)
}

func noPlace(err error) error {
	return fmt.Errorf("%w: %w; choose another place with --state", ErrNoPlace, err)
}

// OpenStore locks a store and reads the journal in it.
func OpenStore(s storage.Store, o Options) (*Journal, error) {
	if o.Every == 0 {
		o.Every = time.Second
	}
	if o.Sync == 0 {
		o.Sync = 5 * time.Second
	}
	lock, err := s.Lock()
	if err != nil {
		if errors.Is(err, storage.ErrLocked) {
			return nil, err
		}
		return nil, noPlace(err)
	}
	j := &Journal{store: s, lock: lock, o: o, held: time.Now(), units: map[string]*unit{}, runs: map[string]string{}}
	if err := j.open(); err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	return j, nil
}

// Read reads the journal in a store, also while a run has it locked. Nothing may be noted in it. If there is
// none, it has not begun.
func Read(s storage.Store) (*Journal, error) {
	j := &Journal{store: s, units: map[string]*unit{}, runs: map[string]string{}}
	_, _, err := j.read()
	return j, err
}

// open reads the log, if there is one, and cuts off what is behind its whole lines.
func (j *Journal) open() error {
	whole, size, err := j.read()
	if err != nil {
		return err
	}
	if j.log, err = storage.OpenLog(j.store, Name); err != nil {
		return noPlace(err)
	}
	j.synced, j.appended = time.Now(), whole
	if whole < size {
		if err := j.log.Rewrite(func(w io.Writer) error { return j.copy(w, whole) }); err != nil {
			return noPlace(err)
		}
	}
	return nil
}

// copy writes the beginning of the log.
func (j *Journal) copy(w io.Writer, size int64) error {
	r, err := storage.ReadLog(j.store, Name)
	if err != nil {
		return err
	}
	_, err = io.CopyN(w, r, size)
	return errors.Join(err, r.Close())
}

// read takes up the log, and returns how many bytes of it are whole lines, and how many it has.
func (j *Journal) read() (whole, size int64, err error) {
	r, err := storage.ReadLog(j.store, Name)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, fmt.Errorf("read journal: %w", err)
	}
	src := &sourceErrors{r: r}
	whole, size, err = parse(src, j.take)
	if err == nil && j.load == nil {
		err = errors.New("it is empty")
	}
	if cerr := errors.Join(src.err, r.Close()); cerr != nil {
		return 0, 0, fmt.Errorf("read journal: %w", cerr)
	}
	if err != nil {
		err = fmt.Errorf("%w: %s: %w; remove it and load again with --on-exists replace", ErrDamaged, j.path(), err)
	}
	return whole, size, err
}

// sourceErrors keeps the error of a read, which is no damage.
type sourceErrors struct {
	r   io.Reader
	err error
}

func (s *sourceErrors) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

func (j *Journal) path() string { return j.store.Path(Name) }

// take takes up a line.
func (j *Journal) take(l *line) error {
	switch {
	case l.Load != nil:
		if l.Load.Version != version {
			return fmt.Errorf("its version is %d, this tool knows %d", l.Load.Version, version)
		}
		j.load = l.Load
	case l.Content != nil:
		j.unit(l.Content.Unit).content = l.Content.SHA256
	case l.Point != nil:
		j.unit(l.Point.Unit).position = l.Point.Position
	case l.Found != nil:
		j.unit(l.Found.Unit).found(l.Found.Asked, l.Found.Runs)
	case l.Sending != nil:
		u := j.unit(l.Sending.Unit)
		u.sent = max(u.sent, l.Sending.Sent)
	case l.Done != nil:
		u := j.unit(l.Done.Unit)
		u.position.Stats = l.Done.Stats
		u.end()
	case l.Unsure != "":
		j.unsure = l.Unsure
	case l.Run != nil:
		j.runs[l.Run.Address] = l.Run.ID
	case !l.Running.IsZero():
		j.idle = false
	case !l.Idle.IsZero():
		j.idle = true
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

// Path returns where the journal is.
func (j *Journal) Path() string { return j.store.Path("") }

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
	return errors.Join(j.take(&l), j.write(l), j.sync())
}

// WasEmpty reports whether the target was seen to be empty before the load.
func (j *Journal) WasEmpty() bool { return j.load != nil && j.load.Empty }

// Check compares what the journal is of with the run at hand.
func (j *Journal) Check(b Binding) error { return b.Check(j.load.Binding, j.Path()) }

// Check compares a run at hand with what a place is of.
func (b Binding) Check(old Binding, where string) error {
	if diff := b.difference(&old); diff != "" {
		return fmt.Errorf("%w: %s holds the journal of another load: %s; give what it was begun with, or another place with --state",
			ErrDiffers, where, diff)
	}
	return nil
}

// Bound returns what the journal is of.
func (j *Journal) Bound() Binding { return j.load.Binding }

// Begin begins a load. A finished one that is there is kept under another name, which is returned.
func (j *Journal) Begin(b Binding, empty bool, undo string) (kept string, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.load != nil {
		if kept, err = j.keep(); err != nil {
			return "", noPlace(err)
		}
	}
	j.load = &load{Version: version, Began: time.Now().UTC().Truncate(time.Millisecond), Empty: empty, Undo: undo, Binding: b}
	j.runs = map[string]string{}
	j.units, j.unsure, j.idle, j.finished, j.undone, j.undoing = map[string]*unit{}, "", false, time.Time{}, time.Time{}, false
	err = j.rewrite()
	if _, local := j.store.(*storage.Dir); !local && err == nil { // others may be at work below a directory
		err = j.store.RemoveTemporaries()
	}
	if err != nil {
		return "", noPlace(err)
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

// MayHaveSent reports whether anything of the load may be on the target.
func (j *Journal) MayHaveSent() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
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

func (j *Journal) write(l line) error {
	if j.err != nil {
		return j.err
	}
	data, err := json.Marshal(l)
	if err == nil && !j.log.IsBuffered() {
		err = j.before()
	}
	if err == nil {
		_, err = j.log.Write(append(data, '\n'))
	}
	j.appended += int64(len(data))
	return j.fail(err)
}

func (j *Journal) before() error {
	if j.o.Before == nil {
		return nil
	}
	return j.o.Before()
}

// fail keeps the first error.
func (j *Journal) fail(err error) error {
	if err != nil && j.err == nil {
		j.err = fmt.Errorf("write journal: %w", err)
	}
	return j.err
}

func (j *Journal) sync() error {
	if j.err != nil {
		return j.err
	}
	now := time.Now()
	var err error
	if now.Sub(j.held) >= j.o.Sync {
		err, j.held = j.lock.Held(), now
	}
	if err == nil && j.log.IsBuffered() {
		err = j.before()
	}
	if err == nil {
		err = j.log.Sync()
	}
	if err == nil && j.appended >= j.whole && (j.log.Segments() >= mostSegments || j.appended >= mostAppended) {
		err = j.rewrite()
	}
	j.synced = time.Now()
	return j.fail(err)
}

// point writes the position of a unit.
func (j *Journal) point(name string, u *unit) error {
	u.written, u.dirty = time.Now(), false
	return j.write(line{Point: &point{name, u.position}})
}
