package storage

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"
)

// ErrGap: an object in the middle of a log is missing.
var ErrGap = errors.New("a part of it is missing")

// A segment is an object of a log: NAME/000001.jsonl and so on. One that Rewrite wrote,
// NAME/000009-all.jsonl, stands for all before it, which may be there still, and for one of its own
// number: a run that was killed had sent that, and it came when the next had read the log.
type segment struct {
	number int
	all    bool
}

const allMark = "-all"

func (p segment) name(log string) string {
	mark := ""
	if p.all {
		mark = allMark
	}
	return fmt.Sprintf("%s/%06d%s.jsonl", strings.TrimSuffix(log, ".jsonl"), p.number, mark)
}

// rewritten is an object of a log from whose beginning segments were removed. It stays: it tells a
// log that a bucket does not list yet from one that is not there, for the first segment cannot be
// asked for by its name any more.
const rewritten = "rewritten"

func markOf(log string) string { return strings.TrimSuffix(log, ".jsonl") + "/" + rewritten }

// A lateError is that a bucket does not list yet what it has, or lists still what it has not. It
// passes by itself.
type lateError struct{ what string }

func (e *lateError) Error() string {
	return e.what + ": the object store lists its objects late; try again later"
}

func (e *lateError) Unwrap() error { return ErrUnavailable }

// listSegments returns all segments of a log in order, and from which on they count. Some buckets
// list an object later than they have it: what may follow is asked for by its name.
func listSegments(s Store, log string) (all []segment, from int, err error) {
	names, err := s.List()
	if err != nil {
		return nil, 0, err
	}
	for _, name := range names {
		if p, ok := parseSegment(name, log); ok {
			all = append(all, p)
		}
	}
	slices.SortStableFunc(all, func(a, b segment) int { return a.number - b.number })
	all = slices.CompactFunc(all, func(a, b segment) bool { return a.number == b.number }) // the first begins the log of a run
	for i, p := range all {
		if p.all {
			from = i
		}
	}
	number := 1
	if len(all) > 0 && all[from].all {
		number = all[from].number
		if there, err := Exists(s, all[from].name(log)); err != nil || !there {
			return nil, 0, cmp.Or(err, gone(s, all[from].name(log)))
		}
	}
	for i := from; ; i++ {
		if i < len(all) && all[i].number == number {
			number++
			continue
		}
		p, err := findSegment(s, log, number)
		if err != nil {
			return nil, 0, err
		}
		if p.number == 0 && (len(all) == 0 || !all[from].all) {
			cut, err := Exists(s, markOf(log))
			if err != nil {
				return nil, 0, err
			}
			if cut {
				return nil, 0, &lateError{fmt.Sprintf("%s was written anew, but the segment that holds its beginning is not found", s.Path(log))}
			}
		}
		if p.number == 0 && i < len(all) {
			return nil, 0, fmt.Errorf("%w: %s is not there", ErrGap, s.Path(segment{number: number}.name(log)))
		}
		if p.number == 0 {
			return all, from, nil
		}
		all = slices.Insert(all, i, p)
		if p.all {
			from = i
		}
		number++
	}
}

func gone(s Store, name string) error {
	return &lateError{s.Path(name) + " is listed, but is not there"}
}

func parseSegment(name, log string) (segment, bool) {
	rest, below := strings.CutPrefix(name, strings.TrimSuffix(log, ".jsonl")+"/")
	rest, lines := strings.CutSuffix(rest, ".jsonl")
	digits, all := strings.CutSuffix(rest, allMark)
	number, err := strconv.Atoi(digits)
	p := segment{number, all}
	return p, below && lines && err == nil && p.name(log) == name
}

// findSegment asks for the segment of a number; its number is 0 if there is none.
func findSegment(s Store, log string, number int) (segment, error) {
	for _, all := range []bool{true, false} {
		p := segment{number, all}
		there, err := Exists(s, p.name(log))
		if err != nil || there {
			return p, err
		}
	}
	return segment{}, nil
}

// A segmentedLog is a Log of objects.
type segmentedLog struct {
	s    Store
	log  string
	all  []segment // on the store
	from int       // of them on that count
	buf  []byte
}

func (l *segmentedLog) IsBuffered() bool { return true }
func (l *segmentedLog) Segments() int    { return len(l.all) - l.from }

func (l *segmentedLog) Write(p []byte) (int, error) {
	l.buf = append(l.buf, p...)
	return len(p), nil
}

func (l *segmentedLog) Sync() error {
	if len(l.buf) == 0 {
		return nil
	}
	if err := l.put(false, writing(l.buf)); err != nil {
		return err
	}
	l.buf = l.buf[:0]
	return nil
}

// put makes the next segment, which nobody else may have made.
func (l *segmentedLog) put(all bool, write func(io.Writer) error) error {
	p := segment{1, all}
	if n := len(l.all); n > 0 {
		p.number = l.all[n-1].number + 1
	}
	err := Write(l.s, p.name(l.log), write)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w in %s: it has written %s", ErrLocked, l.s.Path(""), p.name(l.log))
	}
	if err == nil {
		l.all = append(l.all, p)
	}
	return err
}

// removals is how many objects are removed at once.
const removals = 16

func (l *segmentedLog) Rewrite(write func(io.Writer) error) error {
	if err := l.put(true, write); err != nil {
		return err
	}
	l.buf = l.buf[:0]
	n := len(l.all) - 1
	if n == 0 {
		return nil
	}
	first := l.all[l.from]
	l.from = n // from now on, whether what is before it can be removed or not: the next Rewrite tries again
	if err := WriteFile(l.s, markOf(l.log), []byte("the beginning of this log is in a segment -all.jsonl\n")); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil
	}
	// Without the first of them, what a run that is killed leaves is not taken for a log.
	if err := l.remove(first); err != nil {
		return nil
	}
	var g errgroup.Group
	g.SetLimit(removals)
	for _, p := range l.all[:n] {
		if p != first {
			g.Go(func() error { return l.remove(p) })
		}
	}
	if err := g.Wait(); err == nil {
		l.all, l.from = l.all[n:], 0
	}
	return nil
}

func (l *segmentedLog) remove(p segment) error {
	err := l.s.Remove(p.name(l.log))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (l *segmentedLog) Close() error { return nil }

// A segmentReader reads the segments of a log one after the other.
type segmentReader struct {
	s    Store
	log  string
	rest []segment
	r    Reader
}

func (r *segmentReader) Read(p []byte) (int, error) {
	for {
		if r.r == nil {
			if len(r.rest) == 0 {
				return 0, io.EOF
			}
			name := r.rest[0].name(r.log)
			var err error
			if r.r, err = r.s.Open(name); errors.Is(err, fs.ErrNotExist) {
				return 0, gone(r.s, name)
			} else if err != nil {
				return 0, err
			}
			r.rest = r.rest[1:]
		}
		n, err := r.r.Read(p)
		if err != io.EOF || n > 0 {
			if err == io.EOF {
				err = nil
			}
			return n, err
		}
		if err := r.Close(); err != nil {
			return 0, err
		}
	}
}

func (r *segmentReader) Close() error {
	if r.r == nil {
		return nil
	}
	err := r.r.Close()
	r.r = nil
	return err
}
