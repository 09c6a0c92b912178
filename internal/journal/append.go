package journal

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

func (j *Journal) write(l line) error {
	if j.err != nil {
		return j.err
	}
	data, err := json.Marshal(l)
	if err == nil && !j.log.IsBuffered() {
		err = j.o.Before()
	}
	if err == nil {
		_, err = j.log.Write(append(data, '\n'))
	}
	j.appended += int64(len(data))
	return j.fail(err)
}

// writeNow writes a line for good.
func (j *Journal) writeNow(l line) error {
	if err := j.write(l); err != nil {
		return err
	}
	return j.sync()
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
		err = j.o.Before()
	}
	switch { // of one number, a log in a bucket that was written anew counts alone: not what a killed run had sent
	case err != nil:
	case j.log.IsBuffered() && !j.anew:
		err = j.rewrite()
	default:
		err = j.log.Sync()
	}
	if err == nil && j.appended >= j.whole && (j.log.Segments() >= mostSegments || j.appended >= mostAppended) {
		err = j.rewrite()
	}
	j.synced = time.Now()
	return j.fail(err)
}

func (j *Journal) point(name string, u *unit) error {
	u.written, u.dirty = time.Now(), false
	at := u.written.UnixMilli()
	j.recorder.reach(&u.noted, u.position.Stats, at)
	if err := j.writeRuns(); err != nil {
		return err
	}
	return j.write(line{Point: &point{name, at, u.position}})
}

// writeRuns writes the states of servers, if there are newer ones.
func (j *Journal) writeRuns() error {
	if !j.ran {
		return nil
	}
	for _, addr := range slices.Sorted(maps.Keys(j.runs)) {
		if err := j.write(line{Run: &serverRun{addr, j.runs[addr]}}); err != nil {
			return err
		}
	}
	j.ran = false
	return nil
}
