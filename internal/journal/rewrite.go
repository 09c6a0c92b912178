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
	if err := j.o.Before(); err != nil {
		return err
	}
	var out lines
	err := j.log.Rewrite(func(w io.Writer) error {
		out = lines{w: w}
		return j.writeAll(&out)
	})
	j.whole, j.appended, j.anew = out.size, 0, true
	return err
}

func (j *Journal) writeAll(out *lines) error {
	first := *j.load
	first.History = &j.recorder.History
	out.add(true, line{Load: &first})
	for _, name := range slices.Sorted(maps.Keys(j.units)) {
		j.units[name].write(name, out)
	}
	out.add(j.unsure != "", line{Unsure: j.unsure})
	for _, addr := range slices.Sorted(maps.Keys(j.runs)) {
		out.add(true, line{Run: &serverRun{addr, j.runs[addr]}})
	}
	out.add(j.next != nil, line{Next: j.next})
	out.add(j.deleted != nil, line{Deleted: j.deleted})
	out.add(j.idle, line{Idle: time.Now().UTC()})
	out.add(!j.finished.IsZero(), line{Finished: j.finished})
	out.add(j.undoing, line{Undoing: time.Now().UTC()})
	out.add(!j.undone.IsZero(), line{Undone: j.undone, Kept: j.kept})
	return out.err
}

// lines writes lines up to the first error, and counts their bytes.
type lines struct {
	w    io.Writer
	size int64
	err  error
}

// add writes a line if it says something.
func (o *lines) add(says bool, l line) {
	if !says || o.err != nil {
		return
	}
	data, err := json.Marshal(l)
	if err == nil {
		_, err = o.w.Write(append(data, '\n'))
	}
	o.size, o.err = o.size+int64(len(data))+1, err
}

func (u *unit) write(name string, out *lines) {
	out.add(u.content != "", line{Content: &content{name, u.content}})
	if u.asked > 0 {
		var some []run
		u.packed().each(func(r run) {
			if some = append(some, r); len(some) == mostRuns {
				out.add(true, line{Found: &found{name, u.asked, some}})
				some = some[:0]
			}
		})
		out.add(true, line{Found: &found{name, u.asked, some}})
	}
	out.add(u.sent > 0 && !u.done, line{Sending: &sending{name, u.sent}})
	out.add(u.done, line{Done: &done{Unit: name, Stats: u.position.Stats}})
	out.add(!u.done && u.position.Record > 0, line{Point: &point{Unit: name, Position: u.position}})
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
