package journal

import (
	"fmt"
	"slices"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
)

// A unit is what the journal knows of one.
type unit struct {
	content  string // SHA-256 of what it is read from; empty: not known
	position Position
	written  time.Time // when position was last written; zero: never
	dirty    bool      // position is newer than what was written
	done     bool
	asked    int64
	sent     int64      // records that may have been sent
	live     Runs       // keys that existed, or were passed over
	existed  packedRuns // once it is done
	noted    noted      // what the history has of it
}

func (u *unit) found(asked int64, runs []run) {
	u.asked = max(u.asked, asked)
	for _, r := range runs {
		u.live.addRun(r)
	}
}

func (u *unit) end() {
	u.existed, u.live = u.packed(), nil
	u.done, u.position = true, Position{Checkpoint: checkpoint.Checkpoint{Stats: u.position.Stats}}
}

func (u *unit) packed() packedRuns {
	if u.done {
		return u.existed
	}
	return u.live.pack()
}

// A Unit is one part of a load, which one worker does. It is for one goroutine.
type Unit struct {
	j    *Journal
	name string
	u    *unit
}

// Unit returns the unit of that name.
func (j *Journal) Unit(name string) *Unit {
	j.mu.Lock()
	defer j.mu.Unlock()
	return &Unit{j, name, j.unit(name)}
}

// Bind says what the unit is read from, before anything of it is sent and for good: what the
// journal does not show as begun, a rollback leaves alone. It returns an ErrDiffers if a run before
// has read it from something else: of a dump that is not finished, pikadump --resume may make a
// chunk anew under its name.
func (u *Unit) Bind(sha256 string) error {
	if err := u.CheckBound(sha256); err != nil {
		return err
	}
	j := u.j
	j.mu.Lock()
	defer j.mu.Unlock()
	if u.u.content == sha256 {
		return nil
	}
	u.u.content = sha256
	return j.writeNow(line{Content: &content{u.name, sha256}})
}

// IsBegun reports whether the load may have sent anything of the unit.
func (u *Unit) IsBegun() bool {
	now := locked(u.j, u.u)
	return now.content != "" || now.done || now.asked > 0 || now.position.Record > 0
}

// CheckBound returns an ErrDiffers if the unit is known to have been read from something else.
func (u *Unit) CheckBound(sha256 string) error {
	if was := locked(u.j, &u.u.content); was == "" || was == sha256 {
		return nil
	}
	return fmt.Errorf("%w: %s of the dump is not the one that this load has read: pikadump dump --resume has made it anew; empty the target (kvload rollback --flush, if it was empty before), and load the dump when it is finished (%s)",
		ErrDiffers, u.name, u.j.Path())
}

// Position returns how far the unit is.
func (u *Unit) Position() Position { return locked(u.j, &u.u.position) }

// IsDone reports whether nothing of the unit is left to be done.
func (u *Unit) IsDone() bool { return locked(u.j, &u.u.done) }

// Reach notes how far the unit is. It is written now and then: what is lost of it is sent twice.
func (u *Unit) Reach(p Position) error {
	j := u.j
	j.mu.Lock()
	defer j.mu.Unlock()
	u.u.position, u.u.dirty = p, true
	now := time.Now()
	if now.Sub(u.u.written) >= j.o.Every {
		if err := j.point(u.name, u.u); err != nil {
			return err
		}
	}
	if now.Sub(j.synced) >= j.o.Sync {
		return j.sync()
	}
	return nil
}

// Sending notes up to which record the unit may be sent from now on, for good.
func (u *Unit) Sending(sent int64) error {
	j := u.j
	j.mu.Lock()
	defer j.mu.Unlock()
	if sent <= u.u.sent {
		return nil
	}
	u.u.sent = sent
	return j.writeNow(line{Sending: &sending{u.name, sent}})
}

// Sent returns what Sending has noted.
func (u *Unit) Sent() int64 { return locked(u.j, &u.u.sent) }

// Found notes which keys are not the load's, for the target held them before or they were passed
// over, for good.
func (u *Unit) Found(asked int64, existed []int64) error {
	j := u.j
	j.mu.Lock()
	defer j.mu.Unlock()
	var runs Runs
	for _, n := range existed {
		runs.add(n)
	}
	u.u.found(asked, runs)
	return j.writeNow(line{Found: &found{u.name, asked, runs}})
}

// Asked returns what Found has noted.
func (u *Unit) Asked() (asked int64, existed Runs) {
	u.j.mu.Lock()
	defer u.j.mu.Unlock()
	if u.u.done {
		return u.u.asked, u.u.existed.unpack()
	}
	return u.u.asked, slices.Clone(u.u.live)
}

// Done notes that all of the unit is done.
func (u *Unit) Done() error {
	j := u.j
	j.mu.Lock()
	defer j.mu.Unlock()
	u.u.dirty = false
	u.u.end()
	at := time.Now().UnixMilli()
	j.recorder.reach(&u.u.noted, u.u.position.Stats, at)
	if err := j.writeRuns(); err != nil {
		return err
	}
	return j.write(line{Done: &done{u.name, at, u.u.position.Stats}})
}

// A Position is the checkpoint of a unit, and where in the dump it lies.
type Position struct {
	checkpoint.Checkpoint
	Chunk string `json:"chunk,omitempty"` // the chunk in which it lies
	In    int64  `json:"in,omitempty"`    // records of that chunk before it
}

func (j *Journal) unit(name string) *unit {
	u := j.units[name]
	if u == nil {
		u = &unit{}
		j.units[name] = u
	}
	return u
}
