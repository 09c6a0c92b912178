package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"

	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// leftOutLine is a line of the report: a key, or part of one, that is in the dump and not
// on the target.
type leftOutLine struct {
	DB      int    `json:"db"`
	Kind    string `json:"kind"`
	Key     []byte `json:"key"`  // base64
	Name    string `json:"name"` // the key for people: quoted
	Reason  string `json:"reason"`
	Member  []byte `json:"member,omitempty"` // base64: only this member, field or entry is missing
	Partial bool   `json:"partial,omitempty"`
	Command string `json:"command,omitempty"`
	Reply   string `json:"reply,omitempty"`
}

// A leftOutReport writes what is left out to a file, which is made by open or with the
// first line.
type leftOutReport struct {
	path    string
	resumed bool // the file goes on

	mu    sync.Mutex
	f     *os.File
	w     *bufio.Writer
	err   error
	lines int64
	told  bool // err was returned already
}

// open makes the file.
func (r *leftOutReport) open() error {
	mode := os.O_TRUNC
	if r.resumed {
		mode = os.O_APPEND
	}
	f, err := os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE|mode, 0o600)
	if err != nil {
		return err
	}
	r.f, r.w = f, bufio.NewWriter(f)
	return nil
}

// flush writes out what was added, before the journal says that it is done with.
func (r *leftOutReport) flush() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil && r.w != nil && r.w.Buffered() > 0 {
		r.err = r.w.Flush()
	}
	if r.err != nil {
		r.told = true
		return fmt.Errorf("write the report of what was left out: %w", r.err)
	}
	return nil
}

// add is writer.Options.Report.
func (r *leftOutReport) add(l writer.LeftOut) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines++
	if r.err != nil {
		return
	}
	if r.f == nil {
		if r.err = r.open(); r.err != nil {
			return
		}
	}
	line, err := json.Marshal(leftOutLine{
		l.DB, l.Kind.String(), l.Key, strconv.Quote(string(l.Key)), l.Reason, l.Member, l.Partial, l.Command, l.Reply,
	})
	if err == nil {
		_, err = r.w.Write(append(line, '\n'))
	}
	r.err = err
}

// close ends the file. The lines must not be lost: an error fails the load.
func (r *leftOutReport) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.err
	if r.f != nil {
		err = errors.Join(err, r.w.Flush(), r.f.Close())
	}
	if err != nil && !r.told {
		return fmt.Errorf("write the report of what was left out: %w", err)
	}
	return nil
}
