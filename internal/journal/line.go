package journal

import (
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
)

// version is of the journal's form. Of an older one this tool would take keys for the load's own
// that are not: version 1 listed numbers in a found line, version 2 did not list keys that were
// passed over, nor say how far a unit may have been sent.
const version = 3

// A line of the journal holds exactly one of these. The first is a load.
type line struct {
	Load     *load      `json:"load,omitempty"`
	Content  *content   `json:"content,omitempty"`
	Point    *point     `json:"point,omitempty"`
	Found    *found     `json:"found,omitempty"`
	Sending  *sending   `json:"sending,omitempty"`
	Done     *done      `json:"done,omitempty"`
	Unsure   string     `json:"unsure,omitempty"`
	Sure     time.Time  `json:"sure,omitzero"` // all was compared since, and is equal
	Run      *serverRun `json:"run,omitempty"`
	Running  time.Time  `json:"running,omitzero"`  // a run resumes it
	Idle     time.Time  `json:"idle,omitzero"`     // it has ended, and nothing is under way
	Retries  int64      `json:"retries,omitempty"` // of Idle: that the run has made
	Finished time.Time  `json:"finished,omitzero"`
	Undoing  time.Time  `json:"undoing,omitzero"` // a rollback begins
	Undone   time.Time  `json:"undone,omitzero"`  // the rollback has come to its end
	Next     *Next      `json:"next,omitempty"`
	Deleted  *deleted   `json:"deleted,omitempty"`
	Kept     int64      `json:"kept,omitempty"` // of Undone: keys that others have changed, and that are left
}

// load begins a journal.
type load struct {
	Version int       `json:"version"`
	Began   time.Time `json:"began"`
	Empty   bool      `json:"empty"`             // the target was seen to be empty
	Undo    string    `json:"undo,omitempty"`    // the dump of what the target held
	History *History  `json:"history,omitempty"` // before the lines that follow
	Identity
}

// content says what a unit is read from. It stands before all else that is said of the unit.
type content struct {
	Unit   string `json:"unit"`
	SHA256 string `json:"sha256"`
}

// point is the newest position of a unit.
type point struct {
	Unit string `json:"unit"`
	At   int64  `json:"at,omitempty"` // in milliseconds of Unix time
	Position
}

// found says which keys of a unit are not the load's: the target held them before, or they were
// passed over and not asked about. It stands there before any other of the keys that begin before
// record Asked is written.
type found struct {
	Unit  string `json:"unit"`
	Asked int64  `json:"asked"`
	Runs  []run  `json:"runs,omitempty"` // of records with which such keys begin
}

// sending says up to which record a unit may have been sent. It stands there before any of it is.
type sending struct {
	Unit string `json:"unit"`
	Sent int64  `json:"sent"`
}

// serverRun is the state of a server that is loaded (target.Fence).
type serverRun struct {
	Address string `json:"address"`
	ID      string `json:"id"`
}

// done ends a unit.
type done struct {
	Unit  string           `json:"unit"`
	At    int64            `json:"at,omitempty"` // as that of a point
	Stats checkpoint.Stats `json:"stats"`
}

// deleted ends the first phase of the load of a delta: the names that are gone are deleted.
type deleted struct {
	At    time.Time `json:"at"`
	Names int64     `json:"names"` // that the target held
}
