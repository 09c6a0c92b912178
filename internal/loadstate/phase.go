package loadstate

import (
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/writer/preflight"
)

// A Phase is what a run does of a load.
type Phase int

const (
	Fresh    Phase = iota // it begins the load, perhaps after one that was finished or undone
	Resumed               // it resumes the load
	Finished              // nothing is left to be done
)

// Is reports whether the phase of the next run is p.
func (s *State) Is(p Phase) bool {
	phase, _, err := s.Next()
	return err == nil && phase == p
}

// WantsEmpty reports whether the next run wants an empty target. Of shards only the first does.
func (s *State) WantsEmpty() bool { return s.run.MustBeEmpty && s.common == nil && s.Is(Fresh) }

// Next says what the next run does, as a check of the preflight, or why it may not.
func (s *State) Next() (Phase, preflight.Check, error) {
	j, c := s.Journal, preflight.Check{Name: "journal"}
	if j.Began().IsZero() {
		if s.divided {
			return Fresh, c, fmt.Errorf("%w: %s holds the journals of a load in shards: give --shard I/N to load one, or another place with --state", exitcode.ErrRefused, s.Root)
		}
		c.Found = "none in " + s.Root + ": a load begins"
		return Fresh, c, nil
	}
	began, done, undone := j.Began().Local().Format(second), j.Finished().Local().Format(second), j.Undone().Local().Format(second)
	switch {
	case !j.Undone().IsZero() && s.run.Resume && !s.givesWay(s.run.ID):
		return Fresh, c, fmt.Errorf("%w: this load was undone on %s: load anew without --resume", exitcode.ErrRefused, undone)
	case !j.Undone().IsZero() && (s.common == nil || j.Bound().Load != s.common.ID):
		c.Found = "the previous load was undone on " + undone
		if n := j.Kept(); n > 0 {
			c.Found += fmt.Sprintf(", and %s that others had changed", progress.Plural(n, "key was kept", "keys were kept"))
		}
		c.Found += ": a load begins"
		return Fresh, c, nil
	case j.IsUndoing() && s.common != nil: // of shards a rollback that kept keys has not come to its end, either
		return Fresh, c, fmt.Errorf("%w: this load is being undone: run kvload rollback to its end; if that ends with 3, keys that others have changed are kept: "+
			"remove them with kvload rollback --force, or keep them and load with another --state (%s)", exitcode.ErrRefused, s.Root)
	case j.IsUndoing():
		return Fresh, c, fmt.Errorf("%w: this load is being undone: run kvload rollback to its end (%s)", exitcode.ErrRefused, s.Root)
	case !j.Finished().IsZero() && s.run.Resume:
		c.Found = fmt.Sprintf("this load was finished on %s, and nothing is left to be done (%s)", done, s.Root)
		return Finished, c, nil
	case !j.Finished().IsZero() && !s.run.Shard.IsAll():
		return Fresh, c, fmt.Errorf("%w: shard %s was loaded until %s: with --resume nothing is left to be done; to load the dump once more, give another place with --state", exitcode.ErrRefused, s.run.Shard, done)
	case !j.Finished().IsZero():
		c.Level, c.Found = preflight.Warning, "this dump was loaded into this target before, until "+done
		c.Advice = "a load without --resume begins once more"
		return Fresh, c, nil
	case !s.run.Resume:
		return Fresh, c, fmt.Errorf("%w: a load of this dump into this target was begun on %s and is not finished: resume it with --resume, which takes its flags from the journal but for a --map-db with namespaces, "+
			"or undo it with kvload rollback and load from the beginning (%s)", exitcode.ErrRefused, began, s.Root)
	}
	if undo := storage.Abs(s.run.Undo); undo != "" && undo != j.Undo() {
		begun := "with --undo " + j.Undo()
		if j.Undo() == "" {
			begun = "without --undo"
		}
		return Fresh, c, fmt.Errorf("%w: this load was begun %s, and some of what it overwrites may be overwritten already: give the --undo that it was begun with, or none (%s)", exitcode.ErrRefused, begun, s.Root)
	}
	c.Found = fmt.Sprintf("resuming the load of %s: %s loaded", began, progress.Plural(j.Stats().Keys, "key is", "keys are"))
	return Resumed, c, nil
}
