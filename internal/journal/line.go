package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// version is of the journal's form.
const version = 1

// A line of the journal holds exactly one of these. The first is a load.
type line struct {
	Load     *load     `json:"load,omitempty"`
	Content  *content  `json:"content,omitempty"`
	Point    *point    `json:"point,omitempty"`
	Found    *found    `json:"found,omitempty"`
	Done     *done     `json:"done,omitempty"`
	Finished time.Time `json:"finished,omitzero"`
	Undoing  time.Time `json:"undoing,omitzero"` // a rollback begins
	Undone   time.Time `json:"undone,omitzero"`  // nothing of the load is left
}

// load begins a journal.
type load struct {
	Version int       `json:"version"`
	Began   time.Time `json:"began"`
	Empty   bool      `json:"empty"`          // the target was seen to be empty
	Undo    string    `json:"undo,omitempty"` // the dump of what the target held
	Binding
}

// content says what a unit is read from. It stands before all else that is said of the unit.
type content struct {
	Unit   string `json:"unit"`
	SHA256 string `json:"sha256"`
}

// point is the newest position of a unit.
type point struct {
	Unit string `json:"unit"`
	Position
}

// found says which keys of a unit the target held before the load. It stands there before any other of
// the keys that begin before record Asked is written.
type found struct {
	Unit    string  `json:"unit"`
	Asked   int64   `json:"asked"`
	Existed []int64 `json:"existed,omitempty"`
}

// done ends a unit.
type done struct {
	Unit  string `json:"unit"`
	Stats Stats  `json:"stats"`
}

// parse reads a journal, and returns how many bytes of it are whole lines. What follows those is a
// line that was being written when a run was killed. Losing it means only that something is sent
// twice: a run waits for a line on which more depends.
func parse(data []byte, each func(*line) error) (whole int, err error) {
	for n := 1; ; n++ {
		rest := data[whole:]
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			return whole, nil
		}
		var l line
		if err := json.Unmarshal(rest[:end], &l); err != nil {
			if end+1 == len(rest) || bytes.IndexByte(rest, 0) >= 0 { // nothing behind it, or zeros of a power cut
				return whole, nil
			}
			return whole, fmt.Errorf("line %d is damaged: %w", n, err)
		}
		if (l.Load != nil) != (n == 1) {
			return whole, errors.New("it does not begin as a journal does")
		}
		if err := each(&l); err != nil {
			return whole, err
		}
		whole += end + 1
	}
}
