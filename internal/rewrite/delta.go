package rewrite

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/keyset"
)

// DeltaRules is Rules for a delta. Before is what it follows, base and deltas; it is asked for only
// where names with a suffix depend on it. LeavesHyperLogLogs says that a load leaves those out.
//
// The new names are such that the state of all, base and deltas, could have been loaded at once: no
// key of it has a name that is given to another.
func (o Options) DeltaRules(d *archive.Archive, before func() (Dump, error), f *filter.Filter, leavesHyperLogLogs bool) (r *Rules, err error) {
	cs, err := collectConflicts(d, f, o)
	if err != nil {
		return nil, err
	}
	r = &Rules{Options: o, conflicts: cs, delta: d, filter: f, leavesHLLs: leavesHyperLogLogs}
	if o.Conflict != Suffix || !archive.MayConflict(&d.Manifest.Info) {
		return r, nil
	}
	was, err := before()
	if err != nil {
		return nil, err
	}
	names := &deltaNames{all: keyset.New(), there: keyset.New()}
	defer func() { err = errors.Join(err, names.all.Close(), names.there.Close()) }()
	for _, db := range d.Manifest.Options.Databases {
		if f.DB(db) {
			if err := names.add(d, db); err != nil {
				return nil, err
			}
		}
	}
	if err := errors.Join(names.all.Seal(), names.there.Seal()); err != nil {
		return nil, err
	}
	if r.was, err = names.earlier(was, f, o); err != nil {
		return nil, err
	}
	return r, names.check(was, &r.conflicts)
}

// deltaNames are the names of a delta.
type deltaNames struct {
	all   *keyset.Set
	there *keyset.Set // those that stand in a type
}

func (n *deltaNames) add(d *archive.Archive, db int) error {
	return d.Changes(db, func(format.ChunkInfo) bool { return true }, func(name []byte, is []archive.Change) error {
		err := n.all.Add(db, "", name, nil)
		if slices.ContainsFunc(is, func(c archive.Change) bool { return c.Kind != format.Deleted }) {
			err = errors.Join(err, n.there.Add(db, "", name, nil))
		}
		return err
	})
}

// earlier returns which names of the delta existed under several types before. It refuses a key of
// the delta whose name another has by now, with a suffix.
func (n *deltaNames) earlier(was Dump, f *filter.Filter, o Options) (conflicts, error) {
	cs := conflicts{policy: Suffix, types: map[int]map[string][]format.Type{}}
	err := cs.each(was, f, o, func(k archive.ConflictKey) error {
		if n.all.Holds(k.DB, "", k.Key, nil) {
			return cs.add(k)
		}
		for _, t := range k.Types[1:] {
			if name := suffixed(k.Key, t); n.there.Holds(k.DB, "", name, nil) {
				return taken(k.DB, name, "the delta")
			}
		}
		return nil
	})
	return cs, err
}

// check makes sure that no key of the state as it will be has a name with a suffix that is given.
func (n *deltaNames) check(was Dump, cs *conflicts) error {
	for db := range cs.types {
		given := cs.suffixes(db)
		for _, name := range given {
			if n.there.Holds(db, "", name, nil) {
				return taken(db, name, "the delta")
			}
		}
		err := present(was, db, given, func(name []byte) error {
			if n.all.Holds(db, "", name, nil) {
				return nil
			}
			return taken(db, name, fmt.Sprintf("db%d", db))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func taken(db int, name []byte, where string) error {
	return fmt.Errorf("%w: --on-conflict suffix would give a key of db%d the name %q, but %s has a key of that name already; "+
		"no later delta mends that: clear the target, and load the base and its chain anew with --on-conflict first", exitcode.ErrRefused, db, name, where)
}

// A Gone is a name on the target that the state before a delta may have had, and that the delta
// does not write. A key of that name is deleted if it is of one of the types: one of another is not
// what the delta is about.
type Gone struct {
	Source []byte // the name in the dump
	Name   []byte
	Types  []format.Type
}

// mostGone is how many names Gone hands over at once.
const mostGone = 500

// Gone hands over what a delta deletes from the target, of one database, in the order of the names
// in the dump.
func (r *Rules) Gone(db int, each func([]Gone) error) error {
	var batch []Gone
	err := r.eachGone(db, func(g Gone) error {
		if batch = append(batch, g); len(batch) < mostGone {
			return nil
		}
		full := batch
		batch = nil
		return each(full)
	})
	if err == nil && len(batch) > 0 {
		err = each(batch)
	}
	return err
}

func (r *Rules) eachGone(db int, each func(Gone) error) error {
	keep := r.filter.Key()
	return r.delta.Changes(db, func(c format.ChunkInfo) bool { return r.filter.Type(c.Type) }, func(name []byte, is []archive.Change) error {
		plain := r.Prefix.Apply(name)
		if plain == nil || keep != nil && !keep(name) {
			return nil
		}
		g := Gone{Source: slices.Clone(name), Name: plain}
		written := r.conflicts.gives(db, name)
		for _, c := range is {
			g.Types = append(g.Types, c.Type)
			if newName, out := r.conflicts.resolve(db, c.Kind, name); r.writes(c) && out == "" && newName == nil {
				written = true
			}
		}
		if !written {
			if err := each(g); err != nil {
				return err
			}
		}
		return r.goneSuffixes(db, g, is, each)
	})
}

// writes reports whether the delta has a key of a type that a load writes.
func (r *Rules) writes(c archive.Change) bool {
	return c.Kind != format.Deleted && (c.Kind != format.HyperLogLog || !r.leavesHLLs)
}

// goneSuffixes hands over the names with a suffix that types of a name had before.
func (r *Rules) goneSuffixes(db int, of Gone, is []archive.Change, each func(Gone) error) error {
	types := r.was.types[db][string(of.Source)]
	for i, t := range types {
		at := slices.IndexFunc(is, func(c archive.Change) bool { return c.Type == t })
		if i == 0 || at < 0 {
			continue // it had its own name, or could not be read and stays as it is
		}
		name := suffixed(of.Source, t)
		if newName, _ := r.conflicts.resolve(db, is[at].Kind, of.Source); r.writes(is[at]) && newName != nil {
			continue
		}
		known := false
		err := r.delta.Find(db, name, func(*format.Record) error {
			known = true
			return nil
		})
		if err != nil {
			return err
		}
		if known { // it is a key of its own by now, and handed over as one
			continue
		}
		if err := each(Gone{of.Source, r.Prefix.Apply(name), []format.Type{t}}); err != nil {
			return err
		}
	}
	return nil
}
