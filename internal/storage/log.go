package storage

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A Log holds lines, to which is only appended: in a directory one file, in a bucket objects, each
// of what was written between two Syncs. Its user has the store locked. It is for one goroutine.
type Log interface {
	// Write appends whole lines.
	io.Writer
	// Sync makes what was written durable. After an error nothing more may be written.
	Sync() error
	// IsBuffered reports whether what was written since the last Sync is lost when the process is
	// killed.
	IsBuffered() bool
	// Segments returns how many objects are to be read; 1 in a directory.
	Segments() int
	// Rewrite puts what write writes, which may be nothing, in the place of all that is there:
	// durably, and at once. What is there can be read meanwhile.
	Rewrite(write func(io.Writer) error) error
	Close() error
}

// OpenLog opens the log of that name, NAME.jsonl. It is made with its first line.
func OpenLog(s Store, name string) (Log, error) {
	if d, ok := s.(*Dir); ok {
		return &fileLog{d: d, name: name}, nil
	}
	all, from, err := listSegments(s, name)
	if err != nil {
		return nil, err
	}
	return &segmentedLog{s: s, log: name, all: all, from: from}, nil
}

// ReadLog reads a log from the beginning to the end, which can be in the middle of a line, also
// while another run writes it. The error is fs.ErrNotExist if there is none.
func ReadLog(s Store, name string) (io.ReadCloser, error) {
	if _, ok := s.(*Dir); ok {
		return s.Open(name)
	}
	all, from, err := listSegments(s, name)
	if err == nil && len(all) == 0 {
		err = &fs.PathError{Op: "open", Path: s.Path(name), Err: fs.ErrNotExist}
	}
	if err != nil {
		return nil, err
	}
	return &segmentReader{s: s, log: name, rest: all[from:]}, nil
}

// A fileLog is a file, which is opened with the first line.
type fileLog struct {
	d    *Dir
	name string
	f    *os.File
}

func (l *fileLog) IsBuffered() bool { return false }
func (l *fileLog) Segments() int    { return 1 }

func (l *fileLog) open() error {
	if l.f != nil {
		return nil
	}
	p, err := l.d.path(l.name)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(p, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err == nil {
		err = errors.Join(cutTorn(f), SyncDir(filepath.Dir(p)))
	}
	if err != nil {
		return err
	}
	l.f = f
	return nil
}

// cutTorn cuts off a line that was being written when a run was killed.
func cutTorn(f *os.File) error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	buf := make([]byte, 64<<10)
	for end := st.Size(); end > 0; {
		part := buf[:min(end, int64(len(buf)))]
		if _, err := f.ReadAt(part, end-int64(len(part))); err != nil {
			return err
		}
		if n := bytes.LastIndexByte(part, '\n'); n >= 0 {
			end += int64(n+1) - int64(len(part))
			if end == st.Size() {
				return nil
			}
			return f.Truncate(end)
		}
		end -= int64(len(part))
	}
	return f.Truncate(0)
}

func (l *fileLog) Write(p []byte) (int, error) {
	if err := l.open(); err != nil {
		return 0, err
	}
	return l.f.Write(p)
}

func (l *fileLog) Sync() error {
	if l.f == nil {
		return nil
	}
	return l.f.Sync()
}

func (l *fileLog) Rewrite(write func(io.Writer) error) error {
	if err := l.Close(); err != nil {
		return err
	}
	p, err := l.d.path(l.name)
	if err != nil {
		return err
	}
	f, err := l.d.create(p)
	if err != nil {
		return err
	}
	return finish(f, write)
}

func (l *fileLog) Close() error {
	if l.f == nil {
		return nil
	}
	err := l.f.Close()
	l.f = nil
	return err
}
