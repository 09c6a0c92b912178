package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// A history is what an earlier run has done of a load.
type history int

const (
	none history = iota
	resumed
	finished
)

// A state is what runs before have left at the place of the journal: it decides what the next one may do.
type state struct {
	root   string
	j      *journal.Journal // only to be read; nothing has begun if there is none
	shared bool             // a load in shares keeps its journals there
	jt     *joint           // of a share: what it has in common with others; nil: none has begun
}

// lookAtState reads the state, also that of a place which cannot be written to or where another run is at work: then it is the error
// of the next run.
func (o *loadOptions) lookAtState(ctx context.Context, nodes []string) (*state, error) {
	s := &state{root: o.statePath(nodes), j: &journal.Journal{}}
	place := s.root
	if !o.share.IsAll() {
		place = storage.Join(place, shareName(o.share))
	}
	store, err := storage.Foresee(ctx, place, storage.Options{BreakLock: o.breakLock})
	switch {
	case errors.Is(err, storage.ErrLocked):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: %w; choose another place with --state", journal.ErrNoPlace, err)
	case store != nil:
		if s.j, err = journal.Read(store); err != nil {
			return nil, err
		}
	}
	if err := s.readShared(ctx, o); err != nil {
		return nil, err
	}
	return s, nil
}

// readShared looks for what shares have in common.
func (s *state) readShared(ctx context.Context, o *loadOptions) error {
	root, err := storage.Open(ctx, s.root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !o.share.IsAll() {
		s.jt, err = readJoint(root)
		return err
	}
	s.shared, err = storage.Exists(root, jointName)
	return err
}

// begins reports whether the next run begins a load.
func (s *state) begins(o *loadOptions) bool {
	h, _, err := s.next(o)
	return err == nil && h == none
}

// isDone reports whether the next run has nothing to load.
func (s *state) isDone(o *loadOptions) bool {
	h, _, err := s.next(o)
	return err == nil && h == finished
}

// mustBeEmpty reports whether the next run wants an empty target. Of shares only the first does.
func (s *state) mustBeEmpty(o *loadOptions) bool {
	return o.writer.OnExists == writer.Fail && s.jt == nil && s.begins(o)
}

// next says what the next run does, or why it may not.
func (s *state) next(o *loadOptions) (history, writer.Check, error) {
	const second = "2006-01-02 15:04:05 MST"
	j, c := s.j, writer.Check{Name: "journal"}
	if j.Began().IsZero() {
		if s.shared {
			return none, c, fmt.Errorf("%w: %s holds the journals of a load in shares: give --shard I/N to load one, or another place with --state", errRefused, s.root)
		}
		c.Found = "none in " + s.root + ": a load begins"
		return none, c, nil
	}
	began, done, undone := j.Began().Local().Format(second), j.Finished().Local().Format(second), j.Undone().Local().Format(second)
	switch {
	case !j.Undone().IsZero() && o.resume:
		return none, c, fmt.Errorf("%w: this load was undone on %s: load anew without --resume", errRefused, undone)
	case !j.Undone().IsZero() && s.jt != nil && j.Bound().Load == s.jt.ID:
		return none, c, fmt.Errorf("%w: this load is being undone: run kvload rollback to its end", errRefused)
	case !j.Undone().IsZero():
		c.Found = "the previous load was undone on " + undone + ": a load begins"
		return none, c, nil
	case j.IsUndoing():
		return none, c, fmt.Errorf("%w: this load is being undone: run kvload rollback to its end", errRefused)
	case !j.Finished().IsZero() && o.resume:
		c.Found = fmt.Sprintf("this load was finished on %s, and nothing is left to be done (%s)", done, s.root)
		return finished, c, nil
	case !j.Finished().IsZero() && !o.share.IsAll():
		return none, c, fmt.Errorf("%w: share %s was loaded until %s: with --resume nothing is left to be done; to load the dump once more, give another place with --state", errRefused, o.share, done)
	case !j.Finished().IsZero():
		c.Level, c.Found = writer.Warning, "this dump was loaded into this target before, until "+done
		c.Advice = "a load without --resume begins once more"
		return none, c, nil
	case !o.resume:
		return none, c, fmt.Errorf("%w: a load of this dump into this target was begun on %s and is not finished: go on with it with --resume, "+
			"or undo it with kvload rollback and load from the beginning (%s)", errRefused, began, s.root)
	}
	if at, err := o.undoPlace(); err != nil {
		return none, c, err
	} else if at != "" && at != j.Undo() {
		return none, c, fmt.Errorf("%w: this load was begun %s, and some of what it overwrites may be overwritten already: give the --undo that it was begun with, or none (%s)", errRefused, undoOf(j), s.root)
	}
	c.Found = fmt.Sprintf("going on with the load of %s: %s loaded", began, progress.Plural(j.Stats().Keys, "key is", "keys are"))
	return resumed, c, nil
}

// check compares the run at hand with what the state is of.
func (s *state) check(b journal.Binding, o *loadOptions) error {
	if j := s.j; !j.Began().IsZero() {
		of := b
		if (!j.Finished().IsZero() || !j.Undone().IsZero()) && !o.resume {
			of.Settings = j.Bound().Settings // another load may have others
		}
		if err := j.Check(of); err != nil {
			return err
		}
	}
	if s.jt == nil {
		return nil
	}
	return s.jt.check(joined(b), o.share, s.root)
}

// same refuses a journal that is not as it was when it was looked at: another run was at work until it was locked.
func (s *state) same(j *journal.Journal) error {
	was := s.j
	if was.Began().Equal(j.Began()) && was.Finished().Equal(j.Finished()) && was.Undone().Equal(j.Undone()) && was.IsUndoing() == j.IsUndoing() &&
		was.Stats().Keys == j.Stats().Keys {
		return nil
	}
	return fmt.Errorf("%w in %s: it has just ended; run again", storage.ErrLocked, s.root)
}

// begin looks into the journal, which is locked now, and begins one or goes on with it.
func (s *state) begin(ctx context.Context, a *archive.Archive, l *writer.Loader, j *journal.Journal, cs *conflicts, o *loadOptions, log io.Writer) (history, error) {
	if err := s.same(j); err != nil {
		return none, err
	}
	now := &state{root: s.root, j: j}
	if err := now.readShared(ctx, o); err != nil {
		return none, err
	}
	b := o.binding(a, l)
	if err := now.check(b, o); err != nil {
		return none, err
	}
	h, c, err := now.next(o)
	if err != nil {
		return none, err
	}
	empty := func(ctx context.Context) (bool, error) { return targetIsEmpty(ctx, l, o) }
	wasEmpty := false
	if !o.share.IsAll() {
		jt, err := o.join(ctx, s.root, b, j, empty)
		if err != nil {
			return none, err
		}
		b.Load, b.Now, wasEmpty = jt.ID, jt.Now, jt.Empty
	} else if h == none {
		if wasEmpty, err = empty(ctx); err != nil {
			return none, err
		}
	}
	switch h {
	case finished:
		fmt.Fprintln(log, "nothing is sent:", c.Found)
		return h, nil
	case resumed:
		fmt.Fprintln(log, c.Found)
		return h, nil
	}
	if err := l.Probe(ctx); err != nil {
		return none, err
	}
	if o.undo, err = o.undoPlace(); err != nil {
		return none, err
	}
	if o.undo != "" {
		if err := saveUndo(ctx, a, l, cs, o, log); err != nil {
			return none, err
		}
	}
	kept, err := j.Begin(b, wasEmpty, o.undo)
	if kept != "" {
		fmt.Fprintf(log, "the journal of the load before is kept as %s\n", kept)
	}
	return none, err
}

// joined is the binding that all shares have in common.
func joined(b journal.Binding) journal.Binding {
	b.Settings = maps.Clone(b.Settings)
	delete(b.Settings, "--shard")
	return b
}

// join agrees with the other shares. One that goes on may have lost what they have in common, and says it again.
func (o *loadOptions) join(ctx context.Context, root string, b journal.Binding, j *journal.Journal, isEmpty func(context.Context) (bool, error)) (*joint, error) {
	store, err := storage.Open(ctx, root)
	if err != nil {
		return nil, err
	}
	if !j.Began().IsZero() && j.Undone().IsZero() {
		isEmpty = func(context.Context) (bool, error) { return j.WasEmpty(), nil }
	}
	return join(ctx, store, joined(b), o.share, isEmpty)
}

// targetIsEmpty reports whether a target holds nothing, and refuses one that must be empty.
func targetIsEmpty(ctx context.Context, l *writer.Loader, o *loadOptions) (bool, error) {
	if o.writer.OnExists != writer.Fail {
		n, _, err := countKeys(ctx, l, o, 1)
		return n == 0, err
	}
	n, more, err := countKeys(ctx, l, o, countLimit)
	if err != nil {
		return false, err
	}
	return true, refusal(o.server.Addr, []writer.Check{writer.CheckEmpty(n, more)})
}
