package rewrite

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/leftout"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
)

// A Conflict says what becomes of a name that exists under several types: the target has one type
// per name.
type Conflict string

// The ways: the load is refused, the type that Pika shows has the name, or the others get a suffix.
const (
	Fail   Conflict = "fail"
	First  Conflict = "first"
	Suffix Conflict = "suffix"
)

// maxConflictBytes bounds the names that are kept in memory.
const maxConflictBytes = 32 << 20

// conflicts knows the names that exist under several of the types that are loaded.
type conflicts struct {
	policy Conflict
	types  map[int]map[string][]format.Type // by database and name, in Pika's order
	sets   [][]format.Type                  // that names share
	count  int
	size   int
}

// collectConflicts reads the names of a dump that exist under several types, and refuses them where
// the policy is Fail.
func collectConflicts(d Dump, f *filter.Filter, o Options) (conflicts, error) {
	cs := conflicts{policy: o.Conflict, types: map[int]map[string][]format.Type{}}
	shown, count := "", 0
	err := cs.each(d, f, o, func(k archive.ConflictKey) error {
		if count++; o.Conflict != Fail {
			return cs.add(k)
		}
		if count == 1 {
			shown = fmt.Sprintf("%s in db%d is %v", k.Name, k.DB, k.Types)
		}
		return nil
	})
	switch {
	case err != nil:
		return cs, err
	case o.Conflict == Fail && count > 0:
		advice := "choose --on-conflict first or suffix, or load one type with --type"
		if o.Loaded {
			advice = "give --on-conflict, --type and the other flags as at the load"
		}
		return cs, fmt.Errorf("%w: %s under several types, which Kvrocks cannot hold (%s, …; all in %s): %s",
			exitcode.ErrRefused, progress.Plural(count, "name exists", "names exist"), shown, format.ConflictsName, advice)
	}
	return cs, nil
}

// each hands over the names of a dump that are loaded and exist under several types, with the types
// that are loaded.
func (cs *conflicts) each(d Dump, f *filter.Filter, o Options, do func(archive.ConflictKey) error) error {
	keep := f.Key()
	return d.Conflicts(func(k archive.ConflictKey) error {
		k.Types = slices.DeleteFunc(k.Types, func(t format.Type) bool { return !f.Type(t) })
		if len(k.Types) < 2 || !f.DB(k.DB) || keep != nil && !keep(k.Key) || o.Prefix.Apply(k.Key) == nil {
			return nil
		}
		return do(k)
	})
}

// add keeps a name in memory.
func (cs *conflicts) add(k archive.ConflictKey) error {
	if cs.size += len(k.Key) + 64; cs.size > maxConflictBytes {
		return fmt.Errorf("%w: more than %s in several types; load one type at a time with --type",
			exitcode.ErrRefused, progress.Plural(cs.count, "name stands", "names stand"))
	}
	if cs.types[k.DB] == nil {
		cs.types[k.DB] = map[string][]format.Type{}
	}
	cs.count++
	at := slices.IndexFunc(cs.sets, func(s []format.Type) bool { return slices.Equal(s, k.Types) })
	if at < 0 {
		at, cs.sets = len(cs.sets), append(cs.sets, k.Types)
	}
	cs.types[k.DB][string(k.Key)] = cs.sets[at]
	return nil
}

// suffixed is the name under which the type of key is written.
func suffixed(key []byte, t format.Type) []byte {
	return slices.Concat(key, []byte(":"), []byte(t))
}

// checkNames makes sure that the dump has no key of a name that suffixed gives.
func (cs *conflicts) checkNames(d Dump) error {
	for db := range cs.types {
		err := present(d, db, cs.suffixes(db), func(name []byte) error {
			return fmt.Errorf("%w: --on-conflict suffix would give a key the name %q, but db%d has a key of that name already; use --on-conflict first",
				exitcode.ErrRefused, name, db)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// present hands over those of names, which are sorted, that the dump has. It reads each frame once
// at the most.
func present(d Dump, db int, names [][]byte, has func(name []byte) error) error {
	if len(names) == 0 {
		return nil
	}
	upTo := func(missing []byte) error { // nil: to the last
		for ; len(names) > 0 && !bytes.Equal(names[0], missing); names = names[1:] {
			if err := has(names[0]); err != nil {
				return err
			}
		}
		return nil
	}
	err := d.Missing(db, func(format.ChunkInfo) bool { return true }, names, func(name []byte) error {
		err := upTo(name)
		names = names[1:]
		return err
	})
	if err != nil {
		return err
	}
	return upTo(nil)
}

// resolve returns the name of one of the types that a name stands in (nil: unchanged), still
// without the prefixes, or why it is left out.
func (cs *conflicts) resolve(db int, kind format.Kind, key []byte) (newKey []byte, leaveOut string) {
	types, ok := cs.types[db][string(key)]
	if !ok || types[0].Holds(kind) {
		return nil, ""
	}
	if cs.policy == First {
		return nil, leftout.Conflict
	}
	for _, t := range types[1:] {
		if t.Holds(kind) {
			return suffixed(key, t), ""
		}
	}
	return nil, "" // a type that the list does not name has the name to itself
}

// gives reports whether resolve gives a key of the dump this name.
func (cs *conflicts) gives(db int, name []byte) bool {
	for _, t := range format.Types {
		key, ok := bytes.CutSuffix(name, []byte(":"+string(t)))
		if !ok || cs.policy != Suffix {
			continue
		}
		if types := cs.types[db][string(key)]; len(types) > 1 && slices.Contains(types[1:], t) {
			return true
		}
	}
	return false
}

// suffixes returns the names that the policy Suffix makes up, in order.
func (cs *conflicts) suffixes(db int) (names [][]byte) {
	if cs.policy != Suffix {
		return nil
	}
	for name, types := range cs.types[db] {
		for _, t := range types[1:] {
			names = append(names, suffixed([]byte(name), t))
		}
	}
	slices.SortFunc(names, bytes.Compare)
	return names
}
