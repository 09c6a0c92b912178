package journal

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// mostPieces is of how many objects a log in a bucket may consist before it is written anew as one; more, as
// long as that would be larger than what was appended.
const mostPieces = 256

// rewrite puts what is known now in the place of the log, in as few lines as say it.
func (j *Journal) rewrite() error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	lines := []line{{Load: j.load}}
	for _, name := range slices.Sorted(maps.Keys(j.units)) {
		u := j.units[name]
		if u.asked > 0 {
			lines = append(lines, line{Found: &found{name, u.asked, slices.Sorted(maps.Keys(u.existed))}})
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
