package verify

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
)

// line is a line of the report.
type line struct {
	DB        int    `json:"db"`
	Kind      string `json:"kind,omitempty"` // not known of a key that the dump does not have
	Key       []byte `json:"key"`            // base64
	Name      string `json:"name"`           // the key for people: quoted
	NewName   []byte `json:"new_name,omitempty"`
	Class     Class  `json:"class"`
	Explained bool   `json:"explained,omitempty"` // no difference
	Count     int64  `json:"count,omitempty"`     // elements that it concerns
	Member    []byte `json:"member,omitempty"`    // the first of them
	Detail    string `json:"detail,omitempty"`
}

// A Report writes differences as JSON lines into a file, and the first few of them as text.
type Report struct {
	mu    sync.Mutex
	f     *os.File
	w     *bufio.Writer
	err   error
	text  io.Writer
	shown int
}

// maxShown is how many differences are shown as text.
const maxShown = 10

// NewReport makes the file at path; empty: none. Text takes the first few differences.
func NewReport(path string, text io.Writer) (*Report, error) {
	r := &Report{text: text}
	if path == "" {
		return r, nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	r.f, r.w = f, bufio.NewWriter(f)
	return r, nil
}

// Add is Options.Report.
func (r *Report) Add(d Difference) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kind := ""
	if d.Kind != 0 {
		kind = d.Kind.String()
	}
	if r.text != nil && r.shown < maxShown && !d.Class.Explained() {
		r.shown++
		fmt.Fprintf(r.text, "  db%d %s: %s: %s\n", d.DB, strings.TrimSpace(kind+" "+quoted(d.Key)), d.Class, d.Detail)
		if r.shown == maxShown {
			fmt.Fprintln(r.text, "  … (more are only counted; --report FILE lists all)")
		}
	}
	if r.w == nil || r.err != nil {
		return
	}
	l := line{
		DB: d.DB, Kind: kind, Key: d.Key, Name: strconv.Quote(string(d.Key)), NewName: d.NewName, Class: d.Class,
		Explained: d.Class.Explained(), Count: d.Count, Member: d.Member, Detail: d.Detail,
	}
	text, err := json.Marshal(l)
	if err == nil {
		_, err = r.w.Write(append(text, '\n'))
	}
	r.err = err
}

// Close ends the file. The lines must not be lost: an error fails the run.
func (r *Report) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.err
	if r.f != nil {
		err = errors.Join(err, r.w.Flush(), r.f.Close())
		r.f, r.w = nil, nil
	}
	if err != nil {
		return fmt.Errorf("write the report of what differs: %w; give a --report that can be written", err)
	}
	return nil
}
