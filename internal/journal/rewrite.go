package journal

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// mostSegments is of how many objects a log in a bucket may consist before it is written anew as
// one; more, as long as that would be larger than what was appended.
const mostSegments = 256

// mostAppended is how many bytes are appended to a log, which is read whole, until it is rewritten.
const mostAppended = 16 << 20

// mostRuns is how many runs stand in one line.
const mostRuns = 10_000

// rewrite puts what is known now in the place of the log, in as few lines as say it.
func (j *Journal) rewrite() error {
	if err := j.before(); err != nil {
		return err
	}
	size := &counted{}
	err := j.log.Rewrite(func(w io.Writer) error {
		*size = counted{w: w}
		return j.writeAll(json.NewEncoder(size))
	})
	j.whole, j.appended, j.anew = size.n, 0, true
	return err
}

// counted counts what is written.
type counted struct {
	w io.Writer
	n int64
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

func (j *Journal) writeAll(enc *json.Encoder) error {
	first := *j.load
	first.History = &j.recorder.History
	if err := enc.Encode(line{Load: &first}); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(j.units)) {
		if err := j.units[name].write(name, enc); err != nil {
			return err
		}
	}
	var ends []line
	if j.unsure != "" {
		ends = append(ends, line{Unsure: j.unsure})
	}
	for _, addr := range slices.Sorted(maps.Keys(j.runs)) {
		ends = append(ends, line{Run: &serverRun{addr, j.runs[addr]}})
	}
	if j.next != nil {
		ends = append(ends, line{Next: j.next})
	}
	if j.deleted != nil {
		ends = append(ends, line{Deleted: j.deleted})
	}
	if j.idle {
		ends = append(ends, line{Idle: time.Now().UTC()})
	}
	if !j.finished.IsZero() {
		ends = append(ends, line{Finished: j.finished})
	}
	if j.undoing {
		ends = append(ends, line{Undoing: time.Now().UTC()})
	}
	if !j.undone.IsZero() {
		ends = append(ends, line{Undone: j.undone, Kept: j.kept})
	}
	for _, l := range ends {
		if err := enc.Encode(l); err != nil {
			return err
		}
	}
	return nil
}

// write says what is known of a unit.
func (u *unit) write(name string, enc *json.Encoder) (err error) {
	encode := func(l line) {
		if err == nil {
			err = enc.Encode(l)
		}
	}
	if u.content != "" {
		encode(line{Content: &content{name, u.content}})
	}
	if u.asked > 0 {
		var some []run
		u.packed().each(func(r run) {
			if some = append(some, r); len(some) == mostRuns {
				encode(line{Found: &found{name, u.asked, some}})
				some = some[:0]
			}
		})
		encode(line{Found: &found{name, u.asked, some}})
	}
	if u.sent > 0 && !u.done {
		encode(line{Sending: &sending{name, u.sent}})
	}
	if u.done {
		encode(line{Done: &done{Unit: name, Stats: u.position.Stats}})
	} else if u.position.Record > 0 {
		encode(line{Point: &point{Unit: name, Position: u.position}})
	}
	return err
}

// keep copies the log to a file of its own.
func (j *Journal) keep() (string, error) {
	r, err := storage.ReadLog(j.store, Name)
	if err != nil {
		return "", err
	}
	defer r.Close()
	name := "journal-" + j.load.Began.UTC().Format("20060102T150405.000") + ".jsonl"
	f, err := j.store.Create(name)
	if err == nil {
		defer f.Discard()
		if _, err = io.Copy(f, r); err == nil {
			err = f.Commit()
		}
	}
	if errors.Is(err, fs.ErrExist) { // by a run that was killed just then
		err = nil
	}
	return j.store.Path(name), err
}
