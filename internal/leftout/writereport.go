package leftout

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// A Line is a line of a report: a key, or part of one, that is in the dump and not on the target.
type Line struct {
	DB      int    `json:"db"`
	Kind    string `json:"kind"`
	Key     []byte `json:"key"`  // base64
	Name    string `json:"name"` // the key for people: quoted
	Reason  string `json:"reason"`
	Member  []byte `json:"member,omitempty"` // base64: only this member, field or entry is missing
	Partial bool   `json:"partial,omitempty"`
	Command string `json:"command,omitempty"`
	Reply   string `json:"reply,omitempty"`
	Chunk   string `json:"chunk,omitempty"` // where it is, or the first of those that belong together
}

// ListName is the name of the report of a load beside its journal.
func ListName(j *journal.Journal) string {
	return "left-out-" + j.Began().UTC().Format("20060102T150405.000") + ".jsonl"
}

// mostUnsent is up to how many bytes of a report wait for the journal.
const mostUnsent = 1 << 20

// A Report writes what is left out to a file, which Open makes, or the first line. The zero value
// with a Path is ready for use.
type Report struct {
	Path  string        // of the file; empty: not known yet
	Store storage.Store // the bucket of the journal; nil: Path is a local file

	name    string // in the bucket
	resumed bool   // the file goes on

	mu     sync.Mutex
	f      io.WriteCloser
	synced interface{ Sync() error } // the same, if it is kept; nil: a terminal, a pipe
	w      *bufio.Writer
	unsent int
	err    error
	lines  int64 // of this run and those before
	told   bool  // err was returned already
}

// Beside gives the report of a load its name, beside the journal, if the user has given none: each
// load has its own.
func (r *Report) Beside(j *journal.Journal) {
	if r.Path != "" {
		r.Store = nil
	} else if r.name = ListName(j); r.Store != nil {
		r.Path = r.Store.Path(r.name)
	} else {
		r.Path = storage.Abs(filepath.Join(j.Path(), r.name))
	}
}

// Read opens what is listed; fs.ErrNotExist if there is nothing.
func (r *Report) Read() (io.ReadCloser, error) {
	if r.Store != nil {
		return storage.ReadLog(r.Store, r.name)
	}
	return os.Open(r.Path)
}

// Resume takes up the report of a load that goes on. Lines of what comes behind the last points of
// the journal are taken off, for they will come again: the journal counts those before. A file that
// cannot be shortened goes on as it is.
func (r *Report) Resume(j *journal.Journal) error {
	r.resumed = true
	if r.Store != nil {
		return r.rewrite(j)
	}
	info, err := os.Lstat(r.Path)
	if err == nil && !info.Mode().IsRegular() { // also a link, such as /dev/stdout, which is not to be replaced
		return nil // Open tells
	}
	old, err := os.Open(r.Path)
	if errors.Is(err, fs.ErrNotExist) { // a --report that the runs before were not given
		old, err = os.Open(filepath.Join(j.Path(), ListName(j)))
	}
	if err != nil {
		return nil
	}
	defer old.Close()
	temporary := r.Path + ".new"
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write the report of what was left out: %w", err)
	}
	w := bufio.NewWriter(f)
	err = errors.Join(r.copyLines(w, bufio.NewReader(old), j), w.Flush(), f.Sync(), f.Close())
	if err == nil {
		err = storage.Rename(temporary, r.Path)
	}
	if err != nil {
		return fmt.Errorf("write the report of what was left out: %w", errors.Join(err, os.Remove(temporary)))
	}
	return nil
}

// rewrite shortens the report in a bucket.
func (r *Report) rewrite(j *journal.Journal) error {
	old, err := r.Read()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer old.Close()
	log, err := storage.OpenLog(r.Store, r.name)
	if err != nil {
		return err
	}
	err = log.Rewrite(func(w io.Writer) error {
		b := bufio.NewWriter(w)
		return errors.Join(r.copyLines(b, bufio.NewReader(old), j), b.Flush())
	})
	if err = errors.Join(err, log.Close()); err != nil {
		return fmt.Errorf("write the report of what was left out: %w", err)
	}
	return nil
}

// copyLines copies the lines that the journal counts.
func (r *Report) copyLines(w io.Writer, old *bufio.Reader, j *journal.Journal) error {
	left := map[string]int64{} // lines of each unit that are still to come
	for {
		text, err := old.ReadBytes('\n')
		if err == io.EOF {
			return nil // what stands without an end of line was being written
		}
		if err != nil {
			return err
		}
		var line Line
		if err := json.Unmarshal(text, &line); err == nil && line.Chunk != "" {
			if _, known := left[line.Chunk]; !known {
				left[line.Chunk] = j.Unit(line.Chunk).Position().Stats.Left()
			}
			if left[line.Chunk]--; left[line.Chunk] < 0 {
				continue
			}
		}
		r.lines++
		if _, err := w.Write(text); err != nil {
			return err
		}
	}
}

// Open makes the file.
func (r *Report) Open() error {
	if r.Store != nil {
		log, err := storage.OpenLog(r.Store, r.name)
		if err == nil {
			r.f, r.synced, r.w = log, log, bufio.NewWriter(log)
		}
		return err
	}
	mode := os.O_TRUNC
	if r.resumed {
		mode = os.O_APPEND
	}
	f, err := os.OpenFile(r.Path, os.O_WRONLY|os.O_CREATE|mode, 0o600)
	if err != nil {
		return err
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		r.synced = f
		if err := storage.SyncDir(filepath.Dir(r.Path)); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	r.f, r.w = f, bufio.NewWriter(f)
	return nil
}

// Flush writes out what was added, before the journal says that it is done with.
func (r *Report) Flush() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.send()
	if r.err != nil {
		r.told = true
		return fmt.Errorf("write the report of what was left out: %w", r.err)
	}
	return nil
}

// send writes out what was added, for good: a power cut must not leave less of it than the journal
// counts.
func (r *Report) send() {
	if r.err != nil || r.w == nil || r.unsent == 0 {
		return
	}
	r.err, r.unsent = r.w.Flush(), 0
	if r.synced != nil && r.err == nil {
		r.err = r.synced.Sync()
	}
}

// Add adds a line. Unit is what it is part of.
func (r *Report) Add(unit string, l writer.LeftOut) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines++
	if r.err != nil {
		return
	}
	if r.f == nil {
		if r.err = r.Open(); r.err != nil {
			return
		}
	}
	line, err := json.Marshal(Line{
		l.DB, l.Kind.String(), l.Key, strconv.Quote(string(l.Key)), l.Reason, l.Member, l.Partial, l.Command, l.Reply, unit,
	})
	if err == nil {
		_, err = r.w.Write(append(line, '\n'))
	}
	r.err = err
	if r.unsent += len(line) + 1; r.unsent >= mostUnsent {
		r.send()
	}
}

// Close ends the file. The lines must not be lost: an error fails the load.
func (r *Report) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.send()
	err := r.err
	if r.f != nil {
		err = errors.Join(err, r.f.Close())
	}
	if err != nil && !r.told {
		return fmt.Errorf("write the report of what was left out: %w", err)
	}
	return nil
}

// Readable returns how the report is read; nil if it was not kept, or lacks some of what was left
// out: an earlier run had another --report.
func (r *Report) Readable(left int64) func() (io.ReadCloser, error) {
	if info, err := os.Stat(r.Path); r.Store == nil && (err != nil || !info.Mode().IsRegular()) || r.lacks(left) > 0 {
		return nil
	}
	return r.Read
}

// Where says where that many keys and members are listed.
func (r *Report) Where(left int64) string {
	switch n := r.lacks(left); {
	case n <= 0:
		return r.Path
	case n == left:
		return "the --report of an earlier run"
	default:
		return fmt.Sprintf("%s, and for %d of them the --report of an earlier run", r.Path, n)
	}
}

// lacks returns how many of them a file does not list; one that is no file is not looked into.
func (r *Report) lacks(left int64) int64 {
	if info, err := os.Stat(r.Path); r.Store == nil && err == nil && !info.Mode().IsRegular() {
		return 0
	}
	f, err := r.Read()
	if err != nil {
		return left
	}
	defer f.Close()
	for b := bufio.NewReader(f); ; {
		if _, err := b.ReadSlice('\n'); err == nil {
			left--
		} else if !errors.Is(err, bufio.ErrBufferFull) {
			return left
		}
	}
}

// Lines returns how many lines it has.
func (r *Report) Lines() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lines
}
