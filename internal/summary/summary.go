// Package summary holds what a command came to, and shows it: as text for people, as JSON for
// machines. An engine fills in what it knows, and prints nothing of it; the command shows it when
// the run has ended, however it ended.
//
//	s := summary.New("kvload", version, "load")
//	s.End(err, code)
//	err = s.JSON(os.Stdout) // or s.Text
//
// It never holds a password: a place in a bucket is without its query.
package summary

import (
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/report"
)

// Schema is the version of a Summary as JSON (docs/operations/results.md). It grows when a field
// goes or changes its meaning; new fields may come at any time.
const Schema = 1

// A Summary is what a command came to.
type Summary struct {
	Schema  int    `json:"schema"`
	Tool    string `json:"tool"`
	Version string `json:"version"`
	Command string `json:"command"`

	Result   string `json:"result"` // Done and so on
	ExitCode int    `json:"exit_code"`
	Meaning  string `json:"meaning"` // of the exit code
	Error    string `json:"error"`   // empty: none

	Dump     Dump   `json:"dump"`
	Source   string `json:"source"` // the server that was read; empty: none
	Target   string `json:"target"` // the server that was written to or compared; empty: none
	Shard    string `json:"shard"`  // I/N; empty: all of them
	DryRun   bool   `json:"dry_run"`
	Finished bool   `json:"finished"` // the dump, or the load, is complete, by this run or before

	// Keys, Elements and Bytes are what the dump holds, was loaded or undone, by all runs.
	Counts
	Totals []format.Total `json:"totals"` // of the dump, by database and type

	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"` // of this run
	// AllSeconds are those from the begin of the first run to when all was done, or this one ended;
	// 0: it was not resumed.
	AllSeconds     float64 `json:"all_seconds"`
	KeysPerSecond  float64 `json:"keys_per_second"` // of this run
	BytesPerSecond float64 `json:"bytes_per_second"`
	Retries        int64   `json:"retries"` // of transient errors, by this run

	Deleted    int64       `json:"deleted"`       // keys of the target that deltas say are gone
	LeftOut    []LeftOut   `json:"left_out"`      // by reason
	Comparison *Comparison `json:"comparison"`    // nil: nothing was compared
	Rollback   *Rollback   `json:"rollback"`      // nil: it is no rollback
	Chain      *Chain      `json:"chain"`         // nil: it is about no deltas
	Written    int         `json:"written_files"` // of the dump, by pack and unpack
	Files      []File      `json:"files"`         // reports, journals and what else was written beside the data
	Notes      []string    `json:"notes"`         // what else is to be known
	Targets    []*Summary  `json:"targets"`       // of a load into several, each target's own
	Next       []string    `json:"next"`          // commands to paste; where one word has to be chosen it is in capitals

	// Instead is the command that helps now, and its flags that this one did not have or had with
	// other values; nil: what is next goes by how this one has ended. Of a rollback: the flags.
	Instead []string `json:"-"`
	// Sealed says that the dump is encrypted, and this command was not given what opens it.
	Sealed bool `json:"-"`
	// Own says that the command has printed a text of its own, of which this is only the end.
	Own bool `json:"-"`

	databases    []int // see Below
	isDelta      bool  // the dump is one
	manyTypes    bool  // it is none, and some names have several types
	earlier      Counts
	began, ended time.Time // of all runs; zero: this is the only one, or the last
	moved        time.Time // zero: when it ended
	retries      atomic.Int64
	now          func() time.Time
}

// Counts are what a command has come to.
type Counts struct {
	Keys     int64 `json:"keys"`
	Elements int64 `json:"elements"`
	Bytes    int64 `json:"bytes"`        // of keys and values, not compressed
	Stored   int64 `json:"stored_bytes"` // of chunk files
	Chunks   int   `json:"chunks"`
}

// A Dump is the one that was made or read.
type Dump struct {
	ID          string `json:"id"`
	Place       string `json:"place"`       // a directory, or a URL without its query
	Consistency string `json:"consistency"` // the manifest's statement, and its reason
	Reason      string `json:"consistency_reason"`
}

// A LeftOut is how many keys are not where the command should have brought them, for one reason.
type LeftOut struct {
	Reason  string `json:"reason"`
	Keys    int64  `json:"keys"`
	Meaning string `json:"meaning"`
	// Lost is whether it counts (exit code 3): keys that had expired do not.
	Lost bool   `json:"lost"`
	List string `json:"list"` // the file that names them; empty: none
}

// A Comparison is what was found by one.
type Comparison struct {
	Keys      int64 `json:"keys"`      // compared
	Differing int64 `json:"differing"` // of them, without what is explained
	Extra     int64 `json:"extra"`     // keys that the dump does not have
	Equal     bool  `json:"equal"`
	Sampled   bool  `json:"sampled"`
	// Bound is the share of all keys below which those that differ are with 95 % confidence, of a
	// sample; 1: nothing is known; 0: it is of all.
	Bound       float64      `json:"bound"`
	Differences []Difference `json:"differences"`
}

// A Difference counts the keys of one kind of difference. A key may have several.
type Difference struct {
	Kind      string `json:"kind"`
	Keys      int64  `json:"keys"`
	Explained bool   `json:"explained"` // it is none
	Meaning   string `json:"meaning"`
}

// A Rollback is what one has done.
type Rollback struct {
	Removed   int64 `json:"removed"`
	Restored  int64 `json:"restored"`
	Untouched int64 `json:"untouched_chunks"` // that the load never began
}

// A Chain is the deltas that a command made or loaded, and how far behind the source it ended.
type Chain struct {
	Place  string    `json:"place"`  // a directory, or a URL without its query
	Deltas int       `json:"deltas"` // by this run
	Number int       `json:"number"` // of the last one that is done; 0: none is
	Until  time.Time `json:"until"`  // up to which that has all writes, by the source's clock
	Last   bool      `json:"last"`   // the writers were at rest when it was made
	// Restarted: the source was since it was last read as a whole, and deltas may lack what was
	// written in the moment before.
	Restarted bool `json:"restarted"`
	// LagSeconds is how far Until is behind the source's clock; 0 if the source has written nothing
	// since. Less than 0: not known.
	LagSeconds float64 `json:"lag_seconds"`
	LagBinlog  *int64  `json:"lag_binlog_bytes"` // written at the source since; null: not known
	LagNames   int64   `json:"lag_names"`        // that were written since, as far as they are known
}

// A File is one that a command has written, or that says more.
type File struct {
	What string `json:"what"`
	Path string `json:"path"`
}

// Results.
const (
	Done      = "done"
	Left      = "left out"  // done, but for keys that are listed
	Different = "different" // done, and the two sides are not equal, or not known to be
	Refused   = "refused"   // before anything was written
	Stopped   = "stopped"   // it can be resumed, or run again
	Failed    = "failed"
	// Inconsistent: done, but not known to be of one moment, as --require-consistent asks.
	Inconsistent = "not consistent"
)

var results = map[int]string{
	exitcode.Done: Done, exitcode.LeftOut: Left, exitcode.Different: Different, exitcode.Usage: Refused, exitcode.Refused: Refused,
	exitcode.NoDump: Refused, exitcode.Locked: Refused, exitcode.Auth: Refused,
	exitcode.TryAgain: Stopped, exitcode.Interrupted: Stopped, exitcode.Terminated: Stopped, exitcode.HungUp: Stopped,
}

// New returns the summary of a command that begins.
func New(tool, version, command string) *Summary {
	return newSummary(tool, version, command, time.Now)
}

func newSummary(tool, version, command string, now func() time.Time) *Summary {
	return &Summary{
		Schema: Schema, Tool: tool, Version: version, Command: command, Started: now(), now: now,
		Totals: []format.Total{}, LeftOut: []LeftOut{}, Files: []File{}, Notes: []string{}, Targets: []*Summary{}, Next: []string{},
	}
}

// Into adds the summary of one target of several, whose address is known.
func (s *Summary) Into(addr string) *Summary {
	t := newSummary(s.Tool, s.Version, s.Command, s.now)
	t.Target = addr
	s.Targets = append(s.Targets, t)
	return t
}

// End says how the run has ended.
func (s *Summary) End(err error, code int) {
	s.ExitCode, s.Meaning, s.Result = code, exitcode.Meaning(code), results[code]
	if s.Result == "" {
		s.Result = Failed
	}
	if left, is := errors.AsType[*exitcode.LeftOutError](err); is && left.Inconsistent && s.Result == Left {
		s.Result, s.Meaning = Inconsistent, "done, but not known to be of one moment, as --require-consistent asks"
	}
	if err != nil {
		s.Error = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	s.Retries = s.retries.Load()
	now := s.now()
	s.Seconds = now.Sub(s.Started).Seconds()
	if !s.began.IsZero() {
		if s.ended.IsZero() {
			s.ended = now
		}
		s.AllSeconds = s.ended.Sub(s.began).Seconds()
	}
	if s.moved.IsZero() {
		s.moved = now
	}
	if done, took := s.Counts.minus(s.earlier), s.moved.Sub(s.Started).Seconds(); took > 0 && done.Keys > 0 {
		s.KeysPerSecond, s.BytesPerSecond = float64(done.Keys)/took, float64(done.Bytes)/took
	}
}

// Retrying returns how many retries were counted.
func (s *Summary) Retrying() int64 { return s.retries.Load() }

// Resumed says what earlier runs have done, the first of which began then; ended is when the last
// of them had done all, zero: this run goes on.
func (s *Summary) Resumed(earlier Counts, began, ended time.Time) {
	s.earlier, s.began, s.ended = earlier, began, ended
}

// Moved says that all keys are where they belong: a comparison behind it does not slow them down.
func (s *Summary) Moved() { s.moved = s.now() }

// WasDone reports whether an earlier run has done all.
func (s *Summary) WasDone() bool { return s != nil && !s.ended.IsZero() }

// Retried counts a retry. A nil Summary counts nothing.
func (s *Summary) Retried() {
	if s != nil {
		s.retries.Add(1)
	}
}

// Note adds what else is to be known.
func (s *Summary) Note(text string) { s.Notes = append(s.Notes, text) }

// File adds a file; an empty path is none.
func (s *Summary) File(what, path string) {
	if path != "" {
		s.Files = append(s.Files, File{what, Place(path)})
	}
}

// Leave adds how many keys were left out for a reason of a command; none are not added. Lost is
// whether they count.
func (s *Summary) Leave(reason string, keys int64, meaning string, lost bool, list string) {
	if keys != 0 {
		s.LeftOut = append(s.LeftOut, LeftOut{reason, keys, meaning, lost, Place(list)})
	}
}

// AddLeft is Leave for what one of several parts of a command has left out.
func (s *Summary) AddLeft(l LeftOut) {
	for i := range s.LeftOut {
		if s.LeftOut[i].Reason == l.Reason {
			s.LeftOut[i].Keys, s.LeftOut[i].List = s.LeftOut[i].Keys+l.Keys, lists(s.LeftOut[i].List, l.List)
			return
		}
	}
	s.LeftOut = append(s.LeftOut, l)
}

// Lists of several runs stand behind each other.
const (
	mostLists = 3
	nextList  = ", "
	moreLists = ", and more beside them"
)

// lists names a list beside others.
func lists(all, list string) string {
	switch {
	case all == "" || list == "" || all == list:
		return max(all, list)
	case strings.HasSuffix(all, moreLists) || strings.Contains(all+nextList, list+nextList):
		return all
	case strings.Count(all, nextList) >= mostLists-1:
		return all + moreLists
	}
	return all + nextList + list
}

// Files returns the files of List that a command of this host can read.
func (l *LeftOut) Files() []string {
	if l.List == "" || strings.Contains(l.List, "://") {
		return nil
	}
	return strings.Split(strings.TrimSuffix(l.List, moreLists), nextList)
}

// With returns what two comparisons found together. Nil is none.
func (c *Comparison) With(d *Comparison) *Comparison {
	if c == nil {
		c = &Comparison{Equal: true, Bound: d.Bound, Differences: []Difference{}}
	}
	sum := *c
	sum.Keys, sum.Differing, sum.Extra = c.Keys+d.Keys, c.Differing+d.Differing, c.Extra+d.Extra
	sum.Equal, sum.Sampled = c.Equal && d.Equal, c.Sampled || d.Sampled
	sum.Differences = slices.Clone(c.Differences)
	for _, one := range d.Differences {
		i := slices.IndexFunc(sum.Differences, func(have Difference) bool { return have.Kind == one.Kind && have.Explained == one.Explained })
		if i < 0 {
			sum.Differences = append(sum.Differences, one)
		} else {
			sum.Differences[i].Keys += one.Keys
		}
	}
	return &sum
}

// Hold says what a dump holds.
func (s *Summary) Hold(totals []format.Total) {
	all := report.Sum(totals)
	s.Totals, s.Counts = totals, Counts{all.Keys, all.Elements, all.Raw, all.Stored, all.Chunks}
}

// Of says of which dump the command is.
func (s *Summary) Of(m *format.Manifest, place string) {
	s.Dump = Dump{ID: m.Dump, Place: Place(place), Consistency: m.Consistency.Statement, Reason: m.Consistency.Reason}
	s.isDelta, s.manyTypes = m.Delta != nil, m.Delta == nil && m.Conflicts > 0
	s.Below(m)
}

// NotePartial notes what of its source a dump leaves out by choice.
func (s *Summary) NotePartial(o format.Options) {
	for _, line := range report.Partial(o) {
		s.Note("the dump is " + line)
	}
}

// Made says which dump was made of others, and what it holds. It returns a LeftOut error if that
// lacks keys of its source, which are in the list, as what it was made of did.
func (s *Summary) Made(m *format.Manifest, place, list string) error {
	s.Of(m, place)
	s.Hold(m.Totals)
	s.NotePartial(m.Options)
	for _, r := range m.Skipped {
		s.Leave(r.Reason, r.Keys, report.Reasons[r.Reason], r.Reason != report.NoLoss, list)
	}
	s.Finished = true
	if text := report.Lacks("the dump is finished, but it", m.Skipped, list); text != "" {
		return &exitcode.LeftOutError{Text: text}
	}
	return nil
}

func (c Counts) minus(d Counts) Counts {
	return Counts{c.Keys - d.Keys, c.Elements - d.Elements, c.Bytes - d.Bytes, c.Stored - d.Stored, c.Chunks - d.Chunks}
}

// Place returns a location as it may be shown: a URL without its query, in which there may be what
// is nobody's business.
func Place(location string) string {
	if strings.Contains(location, "://") {
		location, _, _ = strings.Cut(location, "?")
	}
	return location
}

// JSON writes the summary as one object.
func (s *Summary) JSON(w io.Writer) error { return WriteJSON(w, s) }

// WriteJSON writes a result as JSON that people can read, too.
func WriteJSON(w io.Writer, result any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(result)
}
