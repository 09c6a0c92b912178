package loadstate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/journal"
	"github.com/pika2kvrocks/pika2kvrocks/internal/leftout"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/internal/storage"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// A Before is the load that the load of a delta follows: of the base, or of the delta before. A
// delta changes only what that one has written.
type Before struct {
	*Status
	Location Location
}

// Doubts know in which state the load before has left its servers: one that has lost that load is
// noticed, also if the delta has all of its names. What was doubted still is, with all that is
// loaded above it.
func (b *Before) Doubts() *PassingDoubts {
	d := &PassingDoubts{Why: b.Unsure(), runs: map[string]string{}}
	for _, s := range b.Shards {
		for addr, state := range s.Journal.Runs() {
			if lost(addr, d.runs[addr], state) == "" {
				d.runs[addr] = state
			}
		}
	}
	return d
}

// Before returns the load that the load of a delta at l follows, of the dump with the id after.
// Base is where the base lies; empty: not known. Of a load that is not done it is ErrUnfinished.
func (l Location) Before(ctx context.Context, after, base string, nodes []string) (*Before, error) {
	number, own := l.Number, l.Dump
	l.ID, l.Number = after, number-1
	what := "the base (dump " + after + ")"
	if number > 1 {
		what, base = fmt.Sprintf("delta %d (dump %s)", number-1, after), "" // unless it is in the chain
		if chain, is, ok := inChain(own); ok && is == number {
			base = archive.DeltaPath(chain, number-1)
		}
	}
	l.Dump = base
	unknown := l.Dump == "" && l.State == ""
	if l.Dump == "" {
		l.Dump = Stream // whose state goes by its id
	}
	status, err := l.Status(ctx, nodes)
	if err != nil {
		return nil, err
	}
	b := &Before{status, l}
	chain := false
	if b.Identity() == nil && base != "" && number == 1 {
		if chain, err = archive.IsChain(ctx, base); err != nil {
			return nil, err
		}
	}
	switch id := b.Identity(); {
	case chain:
		return nil, fmt.Errorf("%w: --base %s is a chain of deltas, and no full dump: give the dump that it follows", exitcode.ErrRefused, base)
	case id == nil && unknown:
		return nil, &NoJournalError{fmt.Sprintf("this delta follows %s: say with --base where that lies, so that the journal of its load is found; "+
			"or with --base-loaded that the target %s holds it", what, l.Target)}
	case id == nil:
		return nil, &NoJournalError{fmt.Sprintf("this delta follows %s, and %s holds no journal of a load of it into %s: load it first (kvload load --uri redis://%s --in %s), "+
			"or give the --state of that load, or --base-loaded if the target holds it", what, b.Root, l.Target, l.Target, cmp.Or(base, "BASE"))}
	case id.Dump != after:
		return nil, fmt.Errorf("%w: this delta follows %s, but %s holds the journal of a load of dump %s: give the --base, or --state, that is meant, or put the right delta into %s", exitcode.ErrRefused, what, b.Root, id.Dump, own)
	}
	if err := b.Complete(); err != nil {
		return nil, fmt.Errorf("this delta follows %s: %w", what, err)
	}
	return b, nil
}

// A NoJournalError says that no journal of the load is found that a delta follows.
type NoJournalError struct{ text string }

func (e *NoJournalError) Error() string { return e.text }

// Unwrap says of which kind it is.
func (e *NoJournalError) Unwrap() error { return exitcode.ErrRefused }

// Check refuses a load of a delta that has other places, or other settings that decide what is
// written under which name, than the load that it follows.
func (b *Before) Check(id journal.Identity) error {
	was := b.Identity()
	differs := func(what, old, now string) error {
		return fmt.Errorf("%w: by the journal in %s the load that this delta follows had %s %s, and now it is %s: a delta is loaded as its base was; give what that had, or nothing",
			exitcode.ErrRefused, b.Root, what, old, now)
	}
	names := maps.Clone(was.Settings)
	maps.Copy(names, id.Settings)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		old, now := was.Settings[name], id.Settings[name]
		switch {
		case old == now, name == "--on-exists", name == "--shard":
		case name == "--on-conflict" && old == "fail": // no name existed under several types
		default:
			return differs(name, fmt.Sprintf("%q", old), fmt.Sprintf("%q", now))
		}
	}
	for _, db := range slices.Sorted(maps.Keys(id.Places)) {
		place := id.Places[db]
		if old, ok := was.Places[db]; ok && old != place {
			return differs(fmt.Sprintf("as the place of database %d", db), old, place)
		}
		for other, taken := range was.Places {
			if _, own := was.Places[db]; !own && taken == place {
				return fmt.Errorf("%w: the delta has keys in database %d, which would be mixed with those of database %d in %s: "+
					"say with --map-db where each goes, as --map-db %d=default,%d=TOKEN_VARIABLE", exitcode.ErrRefused, db, other, place, other, db)
			}
		}
	}
	if n := b.Stats().LeftOut[writer.ReasonExists]; n > 0 {
		return fmt.Errorf("%w: the load that this delta follows left %s (--on-exists skip), and a delta replaces: "+
			"with --base-loaded it does so here as well", exitcode.ErrRefused, progress.Plural(n, "key as the target held it", "keys as the target held them"))
	}
	return nil
}

// After is what a delta that follows this load keeps in its journal.
func (b *Before) After(number int) *journal.After {
	id := b.Identity()
	a := &journal.After{Dump: id.Dump, Number: number, Root: storage.Abs(b.Root)}
	if was := id.After; was != nil {
		a.Base, a.Loaded, a.Started, a.Left = was.Base, was.Loaded, was.Started, was.Left+b.Stats().Left()
		return a
	}
	if a.Loaded = b.Shards[0].Journal.Began(); b.common != nil {
		a.Loaded = b.common.Began
	}
	return a
}

// Lock keeps other runs from undoing the load until release is called, and notes in its journals
// which delta is about to be loaded behind it. It refuses if another one is.
func (b *Before) Lock(ctx context.Context, n journal.Next) (release func() error, err error) {
	var open []*journal.Journal
	release = func() error {
		var errs []error
		for _, j := range open {
			errs = append(errs, j.Close())
		}
		return errors.Join(errs...)
	}
	for _, s := range b.Shards {
		l := b.Location
		l.Shard = s.Shard
		j, err := l.OpenJournal(ctx, b.Root, journal.Options{})
		if err != nil {
			return nil, errors.Join(err, release())
		}
		open = append(open, j)
		if j.Began().IsZero() || j.Finished().IsZero() || j.IsUndoing() {
			err = fmt.Errorf("%w in %s: it has just ended; run again", storage.ErrLocked, b.Root)
		}
		if err == nil {
			err = Newest(ctx, j, n.Dump)
		}
		if err == nil {
			err = j.SetNext(n)
		}
		if err != nil {
			return nil, errors.Join(err, release())
		}
	}
	return release, nil
}

// Newest refuses a load behind which a delta, but for one, was loaded that is not undone.
func Newest(ctx context.Context, j *journal.Journal, but string) error {
	n := j.Next()
	if n == nil || n.Dump == but {
		return nil
	}
	status, err := ReadStatus(ctx, n.Root, nil)
	if err != nil {
		return err
	}
	later := status.Shards[0].Journal
	if later.Began().IsZero() || later.Bound().Dump != n.Dump || !later.Undone().IsZero() {
		return nil
	}
	return &LaterError{*n, later}
}

// A LaterError says that a delta was loaded behind a load.
type LaterError struct {
	journal.Next

	load *journal.Journal // only to be read
}

func (e *LaterError) Error() string {
	return fmt.Sprintf("delta %d (dump %s, in %s) was loaded behind this one: deltas are loaded in order, and undone in the opposite one", e.Number, e.Dump, e.Place)
}

// Behind returns the delta that was loaded behind a load; nil: none is.
func Behind(ctx context.Context, j *journal.Journal) (*LaterError, error) {
	err := Newest(ctx, j, "")
	if later, is := errors.AsType[*LaterError](err); is {
		return later, nil
	}
	return nil, err
}

// AllBehind returns all deltas behind a load, in their order.
func AllBehind(ctx context.Context, j *journal.Journal) (all []*LaterError, err error) {
	for {
		later, err := Behind(ctx, j)
		if later == nil {
			return all, err
		}
		all, j = append(all, later), later.load
	}
}

// Places returns where the delta has put databases.
func (e *LaterError) Places() map[int]string { return e.load.Bound().Places }

// MayHaveRemoved is of how many keys that were there the load of the delta may have left none.
func (e *LaterError) MayHaveRemoved() int64 {
	deleted, _ := e.load.Deleted()
	s := e.load.Stats()
	return deleted + s.Dropped + s.Expiring
}

// LeftOut opens the list of what the load of the delta has left out; nil: nothing was.
func (e *LaterError) LeftOut() (io.ReadCloser, error) {
	if e.load.Stats().Left() == 0 {
		return nil, nil
	}
	return storage.ReadLog(e.load.Store(), leftout.ListName(e.load))
}

// Lowest returns where the state of the load of the base is, of a delta's load; empty: not known.
func Lowest(ctx context.Context, j *journal.Journal) (root string, err error) {
	for {
		if j.Began().IsZero() { // it is lost
			return "", nil
		}
		after := j.Bound().After
		if after == nil || after.Root == "" || after.Number == 1 {
			if after != nil {
				root = after.Root
			}
			return root, nil
		}
		status, err := ReadStatus(ctx, after.Root, nil)
		if err != nil {
			return "", err
		}
		j = status.Shards[0].Journal
	}
}

// Lock locks the journal of the delta's load.
func (e *LaterError) Lock(ctx context.Context, breakLock bool) (*journal.Journal, error) {
	return Location{BreakLock: breakLock}.OpenJournal(ctx, e.Root, journal.Options{})
}

// Void reports whether the base was loaded anew since the load of a delta, which is on no target
// any more. Below a delta whose base was undone, or is being undone, it is a BelowError.
func Void(ctx context.Context, j *journal.Journal) (anew bool, err error) {
	root, err := Lowest(ctx, j)
	if err != nil || root == "" {
		return false, err
	}
	shards, err := openShards(ctx, root)
	if err != nil {
		return false, err
	}
	base, err := ReadStatus(ctx, root, shards)
	if err != nil || base.Identity() == nil {
		return false, err
	}
	after := j.Bound().After
	if now := (&Before{Status: base}).After(1).Loaded; !after.Loaded.IsZero() && !after.Loaded.Equal(now) {
		return true, nil
	}
	if err := base.Complete(); errors.Is(err, exitcode.ErrRefused) {
		return false, &BelowError{after.Base, base.IsUndoing(), err}
	}
	return false, nil
}

// A BelowError says that the base of a delta was undone, or is being undone.
type BelowError struct {
	Base      string // where it lies; empty: not known
	IsUndoing bool

	error
}

func (e *BelowError) Error() string {
	return fmt.Sprintf("the base below the deltas is gone: %v; with it they are undone, and nothing is put back", e.error)
}

// Unwrap says of which kind it is.
func (e *BelowError) Unwrap() error { return e.error }

// Differs says what a comparison with the load alone finds.
func (e *LaterError) Differs(ctx context.Context) string {
	n := 1
	if last, err := e.Newest(ctx); err == nil {
		n += last.Number - e.Number
	}
	return progress.Plural(int64(n), "delta was", "deltas were") + " loaded behind it: what has changed since differs"
}

// Newest returns the same of the delta that was loaded last behind the load.
func (e *LaterError) Newest(ctx context.Context) (*LaterError, error) {
	for {
		later, err := Behind(ctx, e.load)
		if later == nil {
			return e, err
		}
		e = later
	}
}

// Unwrap says of which kind it is.
func (e *LaterError) Unwrap() error { return exitcode.ErrRefused }
