package loadstate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/shard"
	"github.com/pika2kvrocks/pika2kvrocks/writer/checkpoint"
)

// ErrUnfinished: shards of a load are not done yet.
var ErrUnfinished = exitcode.New(exitcode.TryAgain, "the load is not finished")

// A Status is how far a load is, by the journals of its shards, or by its only journal.
type Status struct {
	Shards []ShardStatus // one with the zero shard.Shard, if the load has none
	Root   string        // where the state is, a directory or the URL of a prefix in a bucket

	common *Shards // nil: the load has no shards
}

// A ShardStatus is the state of one shard across all its runs.
type ShardStatus struct {
	shard.Shard
	Journal *journal.Journal // only to be read
}

// readers is how many journals are read at once.
const readers = 8

// Status finds the state of a load that has begun, and reads its journals; see Find for nodes.
func (l Location) Status(ctx context.Context, nodes []string) (*Status, error) {
	root, shards, err := l.Find(ctx, nodes)
	if err != nil {
		return nil, err
	}
	return ReadStatus(ctx, root, shards)
}

// ReadStatus reads the journals below root. Common is of the shards; nil: the load has none.
func ReadStatus(ctx context.Context, root string, common *Shards) (*Status, error) {
	shards := []shard.Shard{{}}
	if common != nil {
		shards = common.All()
	}
	s := &Status{Root: root, common: common, Shards: make([]ShardStatus, len(shards))}
	var g errgroup.Group
	g.SetLimit(readers)
	for i, at := range shards {
		p := &s.Shards[i]
		*p = ShardStatus{at, &journal.Journal{}}
		g.Go(func() error {
			store, err := openThere(ctx, shardRoot(root, at))
			if store != nil && err == nil {
				p.Journal, err = journal.Read(store)
			}
			return err
		})
	}
	return s, g.Wait()
}

// Identity returns what the load is of; nil: it was not begun.
func (s *Status) Identity() *journal.Identity {
	if s.common != nil {
		return &s.common.Identity
	}
	if s.Shards[0].Journal.Began().IsZero() {
		return nil
	}
	return new(s.Shards[0].Journal.Bound())
}

// Done says that all of it is done, as Complete found.
func (s *Status) Done() string {
	if s.common == nil {
		return "the load is done"
	}
	if s.common.Count == 1 {
		return "the one shard is done"
	}
	return fmt.Sprintf("all %d shards are done", s.common.Count)
}

// mostNamed is how many shards an error names.
const mostNamed = 20

// Complete returns an ErrUnfinished that names the shards that are not done; nil: all are.
func (s *Status) Complete() error {
	var lacking []string
	for _, p := range s.Shards {
		what := "the load"
		if !p.IsAll() {
			what = "shard " + p.String()
		}
		switch j := p.Journal; {
		case j.Began().IsZero(), !j.Undone().IsZero() && s.common != nil && j.Bound().Load != s.common.ID: // or it was of a load before
			lacking = append(lacking, what+" was not begun")
		case !j.Undone().IsZero():
			return fmt.Errorf("%w: %s was undone on %s (%s)", exitcode.ErrRefused, what, j.Undone().Local().Format(second), s.Root)
		case j.IsUndoing():
			return fmt.Errorf("%w: %s is being undone: run kvload rollback to its end (%s)", exitcode.ErrRefused, what, s.Root)
		case j.Finished().IsZero():
			lacking = append(lacking, fmt.Sprintf("%s was begun on %s and has loaded %s", what, j.Began().Local().Format(second), progress.Plural(j.Stats().Keys, "key", "keys")))
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	n := len(lacking)
	if n > mostNamed {
		lacking = append(lacking[:mostNamed], fmt.Sprintf("and %d more", n-mostNamed))
	}
	if s.common == nil {
		return fmt.Errorf("%w: %s; resume it with --resume", ErrUnfinished, lacking[0])
	}
	return fmt.Errorf("%w: %s not done: %s; wait for them, or resume each with --shard I/%d --resume",
		ErrUnfinished, progress.Of(int64(n), int64(s.common.Count), "shard", "shards", "is", "are"), strings.Join(lacking, ", "), s.common.Count)
}

// IsUndoing reports whether a rollback of the load was begun and has not ended.
func (s *Status) IsUndoing() bool {
	return slices.ContainsFunc(s.Shards, func(p ShardStatus) bool { return p.Journal.IsUndoing() && p.Journal.Undone().IsZero() })
}

// Differs says why the target may differ though nobody has changed it; empty: no reason is known
// but for deltas that were loaded behind the load, the first of which is later.
func (s *Status) Differs(ctx context.Context) (why string, later *LaterError, err error) {
	if s.Identity() == nil {
		return "", nil, nil
	}
	undone, begun := 0, 0
	for _, p := range s.Shards {
		switch j := p.Journal; {
		case !j.Undone().IsZero():
			undone++
		case j.IsUndoing():
			return "a rollback of this load was begun and is not finished: what it has removed is missing", nil, nil
		case j.Began().IsZero() || j.Finished().IsZero():
			begun++
		default:
			if later, err = Behind(ctx, j); later != nil || err != nil {
				return "", later, err
			}
		}
	}
	of := "this load"
	if s.common != nil {
		of = fmt.Sprintf("%d of %s", undone+begun, progress.Plural(s.common.Count, "shard", "shards"))
	}
	switch {
	case undone > 0 && begun == 0 && s.common == nil:
		return "this load was undone on " + s.Shards[0].Journal.Undone().Local().Format(second) + ": what it had loaded is missing", nil, nil
	case undone+begun > 0:
		return fmt.Sprintf("%s is not finished, %s loaded: what is not yet loaded is missing; resume it with kvload load --resume", of,
			progress.Plural(s.Stats().Keys, "key is", "keys are")), nil, nil
	}
	return "", nil, nil
}

// Stats returns the sum over all shards.
func (s *Status) Stats() (sum checkpoint.Stats) {
	for _, p := range s.Shards {
		sum.Add(p.Journal.Stats())
	}
	return sum
}

// Unsure returns why it is not known whether the target holds what was loaded; empty: it is.
func (s *Status) Unsure() string {
	for _, p := range s.Shards {
		if why := p.Journal.Unsure(); why != "" {
			return why
		}
	}
	return ""
}

// Doubted returns the loads that a comparison of all that is loaded is about: this one, and those
// below it of which it is doubted whether the target holds them.
func (s *Status) Doubted(ctx context.Context) (all []*Status) {
	for all = append(all, s); ; all = append(all, s) {
		id := s.Identity()
		if id == nil || id.After == nil {
			return all
		}
		below, err := ReadStatus(ctx, id.After.Root, nil)
		if err != nil || below.Unsure() == "" || below.Identity().Dump != id.After.Dump {
			return all
		}
		s = below
	}
}

// BeSure notes in the journals of a load at l that a comparison, which began after s was read, has
// found the target equal to all that is loaded: what was doubted by then no longer is.
func (s *Status) BeSure(ctx context.Context, l Location) error {
	for _, p := range s.Shards {
		was := p.Journal.Unsure()
		if was == "" {
			continue
		}
		l.Shard = p.Shard
		j, err := l.OpenJournal(ctx, s.Root, journal.Options{})
		if err != nil {
			return err
		}
		if j.Unsure() == was {
			err = j.BeSure()
		}
		if err = errors.Join(err, j.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Took returns the time from the beginning of the first shard to the end of the last.
func (s *Status) Took() time.Duration {
	first, last := s.Shards[0].Journal.Began(), s.Shards[0].Journal.Finished()
	for _, p := range s.Shards[1:] {
		if t := p.Journal.Began(); t.Before(first) {
			first = t
		}
		if t := p.Journal.Finished(); t.After(last) {
			last = t
		}
	}
	return last.Sub(first)
}
