package loadstate

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/shard"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// A place is where the state of a load is, in a test.
type place struct {
	*testing.T
	run Run
	id  journal.Identity
}

func newPlace(t *testing.T) *place {
	return &place{t, Run{Location: Location{Dump: "dump", ID: "d", Target: "h:1", State: filepath.Join(t.TempDir(), "state")}}, journal.Identity{Dump: "d", Address: "h:1"}}
}

// open opens the state, and returns it with the error of Look or Open.
func (p *place) open(run Run) (*Opened, error) {
	p.Helper()
	seen, err := Look(p.Context(), run, nil)
	if err != nil {
		return nil, err
	}
	return seen.Open(p.Context(), p.id, journal.Options{})
}

// begin begins a load, does something with its journal, and closes it.
func (p *place) begin(run Run, do func(j *journal.Journal) error) {
	p.Helper()
	s, err := p.open(run)
	if err != nil {
		p.Fatal(err)
	}
	nothing := func(context.Context) (string, error) { return "", nil }
	_, err = s.Begin(p.Context(), p.id, func(context.Context) (bool, error) { return true, nil }, nothing)
	if err := errors.Join(err, do(s.Journal), s.Journal.Close()); err != nil {
		p.Fatal(err)
	}
}

func (p *place) saving(undo string) Run {
	run := p.run
	run.Undo = undo
	return run
}

func (p *place) resuming(run Run) Run {
	run.Resume = true
	return run
}

func stopped(*journal.Journal) error    { return nil }
func finished(j *journal.Journal) error { return j.Finish() }
func undoing(j *journal.Journal) error  { return j.BeginUndo() }
func undone(j *journal.Journal) error   { return errors.Join(j.BeginUndo(), j.EndUndo(0)) }

// TestPhase: what earlier runs have left decides what the next one does, with and without --resume.
func TestPhase(t *testing.T) {
	const refused = Phase(-1)
	for _, tc := range []struct {
		name           string
		before         func(*journal.Journal) error // nil: nothing
		fresh, resumed Phase
		says           string // why it is refused
	}{
		{"nothing", nil, Fresh, Fresh, ""},
		{"stopped", stopped, refused, Resumed, "is not finished"},
		{"finished", finished, Fresh, Finished, ""},
		{"being undone", undoing, refused, refused, "is being undone: run kvload rollback"},
		{"undone", undone, Fresh, refused, "was undone on"},
		{"undone, keys kept", func(j *journal.Journal) error { return errors.Join(j.BeginUndo(), j.EndUndo(3)) }, Fresh, refused, "was undone on"},
		{"undone, keys kept, and once more", func(j *journal.Journal) error { return errors.Join(j.BeginUndo(), j.EndUndo(3), j.BeginUndo()) }, refused, refused, "is being undone"},
	} {
		p := newPlace(t)
		if tc.before != nil {
			p.begin(p.run, tc.before)
		}
		for resume, want := range map[bool]Phase{false: tc.fresh, true: tc.resumed} {
			run := p.run
			run.Resume = resume
			s, err := p.open(run)
			if want == refused {
				if !errors.Is(err, exitcode.ErrRefused) || !strings.Contains(err.Error(), tc.says) {
					t.Errorf("%s, resume %v: %v", tc.name, resume, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s, resume %v: %v", tc.name, resume, err)
				continue
			}
			if s.Phase != want {
				t.Errorf("%s, resume %v: phase %v, want %v", tc.name, resume, s.Phase, want)
			}
			s.Journal.Close()
		}
	}
}

// TestRefused: a run that is not the one that began is refused, before anything is written.
func TestRefused(t *testing.T) {
	p := newPlace(t)
	undo := t.TempDir()
	p.begin(p.saving(undo), stopped)
	for _, tc := range []struct {
		name string
		run  Run
		kind error
		says string
	}{
		{"another --undo", p.resuming(p.saving(t.TempDir())), exitcode.ErrRefused, "give the --undo that it was begun with"},
		{"no --undo", p.resuming(p.run), nil, ""},
		{"the same --undo", p.resuming(p.saving(undo)), nil, ""},
	} {
		s, err := p.open(tc.run)
		if !errors.Is(err, tc.kind) || err != nil && !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", tc.name, err)
		}
		if err == nil {
			s.Journal.Close()
		}
	}
	other := *p
	other.id.Dump = "e"
	if _, err := other.open(p.resuming(p.run)); !errors.Is(err, journal.ErrDiffers) {
		t.Errorf("another dump: %v", err)
	}
}

// TestElsewhere: a load after one that was finished or undone may go to other places. One that goes
// on may not.
func TestElsewhere(t *testing.T) {
	for name, before := range map[string]func(*journal.Journal) error{"stopped": stopped, "finished": finished, "undone": undone} {
		p := newPlace(t)
		p.id.Places = map[int]string{0: "__namespace/"}
		p.begin(p.run, before)
		other := *p
		other.id.Places = map[int]string{0: "moved/"}
		if name != "undone" {
			if _, err := other.open(p.resuming(p.run)); !errors.Is(err, journal.ErrDiffers) {
				t.Errorf("%s, --resume: %v", name, err)
			}
		}
		if name == "stopped" {
			continue
		}
		other.begin(p.run, stopped)
		seen, err := Look(t.Context(), p.run, nil)
		if err != nil || seen.Place(0) != "moved/" {
			t.Errorf("%s: %v, %+v", name, err, seen)
		}
	}
}

// TestAnotherDump: only a load of which nothing is left, nor of a delta behind it, gives way to one
// of another dump, and its journal is kept.
func TestAnotherDump(t *testing.T) {
	behind := func(root string, dump string, delta func(*journal.Journal) error) func(*journal.Journal) error {
		return func(j *journal.Journal) error {
			p := newPlace(t)
			p.run.State, p.id.Dump = root, dump
			p.begin(p.run, delta)
			return errors.Join(j.SetNext(journal.Next{Dump: "delta", Number: 1, Root: root}), undone(j))
		}
	}
	kept := func(j *journal.Journal) error { return errors.Join(j.BeginUndo(), j.EndUndo(3)) }
	for _, tc := range []struct {
		name   string
		before func(*journal.Journal) error
		gives  bool
	}{
		{"stopped", stopped, false},
		{"finished", finished, false},
		{"being undone", undoing, false},
		{"keys kept", kept, false},
		{"undone", undone, true},
		{"a delta is loaded", behind(t.TempDir(), "delta", finished), false},
		{"a delta is begun", behind(t.TempDir(), "delta", stopped), false},
		{"a delta kept keys", behind(t.TempDir(), "delta", kept), true},
		{"the delta is undone", behind(t.TempDir(), "delta", undone), true},
		{"no such delta any more", behind(t.TempDir(), "another", finished), true},
	} {
		p := newPlace(t)
		p.begin(p.run, tc.before)
		other := *p
		other.id.Dump, other.run.ID = "e", "e"
		s, err := other.open(p.resuming(other.run))
		if tc.gives && (err != nil || s.Phase != Fresh) || !tc.gives && !errors.Is(err, journal.ErrDiffers) {
			t.Errorf("%s, --resume: %v", tc.name, err)
		}
		if err == nil {
			s.Journal.Close()
		}
		if tc.gives {
			other.begin(p.resuming(other.run), stopped)
			if old, err := filepath.Glob(filepath.Join(p.run.State, "journal-*.jsonl")); err != nil || len(old) != 1 {
				t.Errorf("%s: the journal before is kept as %v, %v", tc.name, old, err)
			}
		} else if _, err := other.open(p.run); !errors.Is(err, journal.ErrDiffers) || !strings.Contains(err.Error(), p.run.State) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

// TestLocked: a state that another run holds is not opened, nor one that was changed since Look.
func TestLocked(t *testing.T) {
	p := newPlace(t)
	seen, err := Look(t.Context(), p.run, nil)
	if err != nil {
		t.Fatal(err)
	}
	p.begin(p.run, stopped)
	if _, err := seen.Open(t.Context(), p.id, journal.Options{}); !errors.Is(err, storage.ErrLocked) {
		t.Errorf("another run has begun since: %v", err)
	}
	s, err := p.open(p.resuming(p.run))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Journal.Close()
	if _, err := Look(t.Context(), p.run, nil); !errors.Is(err, storage.ErrLocked) {
		t.Errorf("another run is at work: %v", err)
	}
}

// TestShards: the first shard decides whether the target was empty, and how many there are; all
// must be of one load.
func TestShards(t *testing.T) {
	p := newPlace(t)
	shardOf := func(i, n int) Run {
		run := p.run
		run.Shard = shard.Shard{Index: i, Of: n}
		run.MustBeEmpty = true
		return run
	}
	first, err := Look(t.Context(), shardOf(0, 2), nil)
	if err != nil || !first.WantsEmpty() {
		t.Fatal(err, first)
	}
	p.begin(shardOf(0, 2), finished)
	second, err := Look(t.Context(), shardOf(1, 2), nil)
	if err != nil || second.WantsEmpty() || !second.Is(Fresh) {
		t.Errorf("%v, %+v", err, second)
	}
	if _, err := p.open(shardOf(1, 3)); !errors.Is(err, journal.ErrDiffers) {
		t.Errorf("another number of shards: %v", err)
	}
	if _, err := p.open(p.run); !errors.Is(err, exitcode.ErrRefused) {
		t.Errorf("no shard: %v", err)
	}
	root, shards, err := p.run.Find(t.Context(), nil)
	if err != nil || shards == nil || shards.Count != 2 {
		t.Fatal(err, shards)
	}
	status := func() *Status {
		s, err := ReadStatus(t.Context(), root, shards)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if err := status().Complete(); !errors.Is(err, ErrUnfinished) || !strings.Contains(err.Error(), "shard 1/2 was not begun") {
		t.Error(err)
	}
	p.begin(shardOf(1, 2), finished)
	if err := status().Complete(); err != nil {
		t.Error(err)
	}
	if err := shards.Forget(t.Context(), root); err != nil {
		t.Error(err)
	}
	if _, still, _ := p.run.Find(t.Context(), nil); still == nil {
		t.Error("shards that are not undone were forgotten")
	}
}

// TestStateInside: no state is begun in a dump, whose files are its own. One that was begun there
// by an older build goes on.
func TestStateInside(t *testing.T) {
	p := newPlace(t)
	begun, err := os.ReadFile("../../testdata/before/dump-shards/dump.json")
	if err := errors.Join(err, os.Mkdir(p.run.State, 0o700), os.WriteFile(filepath.Join(p.run.State, "dump.json"), begun, 0o600)); err != nil {
		t.Fatal(err)
	}
	in := p.run
	for _, below := range []string{"", "chunks", "chunks/db0/x"} {
		in.State = filepath.Join(p.run.State, below)
		if _, err := Look(t.Context(), in, nil); !errors.Is(err, archive.ErrInside) {
			t.Errorf("%s: %v", in.State, err)
		}
	}
	if err := os.Remove(filepath.Join(p.run.State, "dump.json")); err != nil {
		t.Fatal(err)
	}
	p.begin(in, stopped)
	if err := os.WriteFile(filepath.Join(p.run.State, "dump.json"), begun, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Look(t.Context(), p.resuming(in), nil); err != nil {
		t.Error(err)
	}
}
