// Package loadstate keeps what the runs of a load know of each other: where the journal of a load
// is, whether the next run begins a load, resumes it or has nothing to do, and what the shards of a
// load have in common.
//
//	status, err := loadstate.Location{Dump: dir, ID: id, Target: addr}.Status(ctx, nil)
//
// It never writes to a target, and never reads a dump.
package loadstate

import (
	"context"
	"errors"
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
)

// A Run is the run at hand.
type Run struct {
	Location
	Resume      bool   // the load, if one was stopped
	MustBeEmpty bool   // a load may begin on an empty target only
	Undo        string // where what is overwritten is saved; empty: nowhere
}

// A State is what earlier runs have left. It decides what the next one may do.
type State struct {
	Root    string
	Journal *journal.Journal // only to be read; not begun, if there is none

	run     Run
	divided bool    // a load in shards keeps its journals there
	common  *Shards // of a shard: what it has in common with others; nil: none has begun
}

// Look reads the state that the run is to go on with. Nodes are those of a cluster. A place that
// cannot be written to, or where another run is at work, is an error.
func Look(ctx context.Context, run Run, nodes []string) (*State, error) {
	s := &State{Root: run.Root(nodes), Journal: &journal.Journal{}, run: run}
	store, err := storage.Foresee(ctx, shardRoot(s.Root, run.Shard), storage.Options{BreakLock: run.BreakLock})
	switch {
	case errors.Is(err, storage.ErrLocked):
		return nil, err
	case err != nil:
		return nil, journal.NoPlace(err)
	case store != nil:
		if s.Journal, err = journal.Read(store); err != nil {
			return nil, err
		}
	}
	if run.State != "" && s.Journal.Began().IsZero() {
		if err := archive.MustBeOutside(ctx, storage.Join(s.Root, journal.Name)); err != nil {
			return nil, fmt.Errorf("--state: %w", err)
		}
	}
	return s, s.readCommon(ctx)
}

// readCommon looks for what shards have in common.
func (s *State) readCommon(ctx context.Context) error {
	root, err := openThere(ctx, s.Root)
	switch {
	case root == nil || err != nil:
	case s.run.Shard.IsAll():
		s.divided, err = storage.Exists(root, shardsName)
	default:
		s.common, err = readShards(root)
	}
	return err
}

// IsUndoing reports whether a rollback of the load, or of the shard, was begun and has not ended.
func (s *State) IsUndoing() bool { return s.Journal.IsUndoing() && s.Journal.Undone().IsZero() }

// Place returns where the load that was begun puts a database; empty: none was.
func (s *State) Place(db int) string {
	switch {
	case !s.Journal.Began().IsZero():
		return s.Journal.Bound().Places[db]
	case s.common != nil:
		return s.common.Places[db]
	}
	return ""
}

// Check compares the run at hand with what the state is of. A load of which nothing is left gives
// way to one of another dump.
func (s *State) Check(ctx context.Context, b journal.Identity) error {
	if j := s.Journal; !j.Began().IsZero() {
		of, gone := b, s.givesWay(b.Dump) && Newest(ctx, j, "") == nil
		if gone || !s.run.Resume { // another load may have others; if this one is not finished, Next says so
			of.Settings, of.Places = j.Bound().Settings, j.Bound().Places
		}
		if gone {
			of.Dump = j.Bound().Dump
		}
		if err := j.Check(of); err != nil {
			return err
		}
	}
	if s.common == nil {
		return nil
	}
	return s.common.check(Common(b), s.run.Shard, s.Root)
}

// givesWay reports whether the journal is of a load of another dump that was undone whole.
func (s *State) givesWay(dump string) bool {
	j := s.Journal
	return !j.Undone().IsZero() && j.Kept() == 0 && dump != "" && j.Bound().Dump != dump
}

// same refuses a journal that another run has changed until it was locked.
func (s *State) same(j *journal.Journal) error {
	was := s.Journal
	if was.Began().Equal(j.Began()) && was.Finished().Equal(j.Finished()) && was.Undone().Equal(j.Undone()) && was.IsUndoing() == j.IsUndoing() &&
		was.Stats().Keys == j.Stats().Keys {
		return nil
	}
	return fmt.Errorf("%w in %s: it has just ended; run again", storage.ErrLocked, s.Root)
}

// An Opened state is locked: its Journal may be written to, and must be closed.
type Opened struct {
	State
	Phase Phase
	Found string // what the phase rests on
}

// Open locks the journal, if nothing has changed since Look. B is what the run is of.
func (s *State) Open(ctx context.Context, b journal.Identity, o journal.Options) (*Opened, error) {
	j, err := s.run.OpenJournal(ctx, s.Root, o)
	if err != nil {
		return nil, err
	}
	opened := &Opened{State: State{Root: s.Root, Journal: j, run: s.run}}
	if err := errors.Join(s.same(j), opened.next(ctx, b)); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return opened, nil
}

func (o *Opened) next(ctx context.Context, b journal.Identity) error {
	if err := o.readCommon(ctx); err != nil {
		return err
	}
	if err := o.Check(ctx, b); err != nil {
		return err
	}
	phase, c, err := o.Next()
	o.Phase, o.Found = phase, c.Found
	return err
}

// Begin agrees with the other shards on what they load, and begins the journal if the load is
// fresh. Empty looks whether the target is, and refuses one that must be and is not. Before is
// called last of all before a fresh journal, and returns the id of what it has saved. What the
// journal was called that had to be kept is returned.
func (o *Opened) Begin(ctx context.Context, b journal.Identity, empty func(context.Context) (bool, error), before func(context.Context) (string, error)) (kept string, err error) {
	wasEmpty := false
	if !o.run.Shard.IsAll() {
		s, err := o.join(ctx, b, empty)
		if err != nil {
			return "", err
		}
		b.Load, b.Now, wasEmpty = s.ID, s.Now, s.Empty
	} else if o.Phase == Fresh {
		if wasEmpty, err = empty(ctx); err != nil {
			return "", err
		}
	}
	if o.Phase != Fresh {
		return "", nil
	}
	if b.Saved, err = before(ctx); err != nil {
		return "", err
	}
	return o.Journal.Begin(b, wasEmpty, storage.Abs(o.run.Undo))
}

// join agrees with the other shards. One that goes on says again what may be lost.
func (o *Opened) join(ctx context.Context, b journal.Identity, empty func(context.Context) (bool, error)) (*Shards, error) {
	store, err := storage.Open(ctx, o.Root)
	if err != nil {
		return nil, err
	}
	if j := o.Journal; !j.Began().IsZero() && j.Undone().IsZero() {
		empty = func(context.Context) (bool, error) { return j.WasEmpty(), nil }
	}
	return join(ctx, store, Common(b), o.run.Shard, empty)
}
