package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// mostPieces is of how many objects a log in a bucket may consist before it is written anew as one; more, as
// long as that would be larger than what was appended.
const mostPieces = 256

// mostAppended is how many bytes are appended to a log before it is written anew: it is read as a whole.
const mostAppended = 16 << 20

// rewrite puts what is known now in the place of the log, in as few lines as say it.
func (j *Journal) rewrite() error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	lines := []line{{Load: j.load}}
	for _, name := range slices.Sorted(maps.Keys(j.units)) {
		u := j.units[name]
		if u.content != "" {
			lines = append(lines, line{Content: &content{name, u.content}})
		}
		if u.asked > 0 {
			lines = append(lines, line{Found: &found{name, u.asked, u.existed.list()}})
		}
		if u.done {
			lines = append(lines, line{Done: &done{name, u.position.Stats}})
		} else if u.position.Record > 0 {
			lines = append(lines, line{Point: &point{name, u.position}})
		}
	}
	if !j.finished.IsZero() {
		lines = append(lines, line{Finished: j.finished})
	}
	if j.undoing {
		lines = append(lines, line{Undoing: time.Now().UTC()})
	}
	if !j.undone.IsZero() {
		lines = append(lines, line{Undone: j.undone})
	}
	for _, l := range lines {
		if err := enc.Encode(l); err != nil {
			return err
		}
	}
	if err := j.before(); err != nil {
		return err
	}
	j.whole, j.appended = int64(buf.Len()), 0
	return j.log.Replace(buf.Bytes())
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
