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

// A Conflict says what becomes of a name that stands in several types: the target has one type per
// name.
type Conflict string

// The ways: the load is refused, the type that Pika shows has the name, or the others get a suffix.
const (
	Fail   Conflict = "fail"
	First  Conflict = "first"
	Suffix Conflict = "suffix"
)

// ParseConflict reads --on-conflict.
func ParseConflict(s string) (Conflict, error) {
	c := Conflict(s)
	if c != Fail && c != First && c != Suffix {
		return "", exitcode.Usagef("--on-conflict %q: it is fail, first or suffix", s)
	}
	return c, nil
}

// maxConflictBytes bounds the names that are kept in memory.
const maxConflictBytes = 32 << 20

// conflicts knows the names that stand in several of the types that are loaded.
type conflicts struct {
	policy Conflict
	types  map[int]map[string][]format.Type // by database and name, in Pika's order
}

func readConflicts(d Dump, f *filter.Filter, o Options) (conflicts, error) {
	cs := conflicts{o.Conflict, map[int]map[string][]format.Type{}}
	shown, count, size := "", 0, 0
	keep := f.Key()
	err := d.Conflicts(func(k archive.ConflictKey) error {
		types := slices.DeleteFunc(k.Types, func(t format.Type) bool { return !f.Type(t) })
		if len(types) < 2 || !f.DB(k.DB) || keep != nil && !keep(k.Key) || o.Prefix.Apply(k.Key) == nil {
			return nil
		}
		if count++; o.Conflict == Fail {
			if count == 1 {
				shown = fmt.Sprintf("%s in db%d is %v", k.Name, k.DB, types)
			}
			return nil
		}
		if size += len(k.Key) + 64; size > maxConflictBytes {
			return fmt.Errorf("%w: more than %s in several types; load one type at a time with --type",
				exitcode.ErrRefused, progress.Plural(count, "name stands", "names stand"))
		}
		if cs.types[k.DB] == nil {
			cs.types[k.DB] = map[string][]format.Type{}
		}
		cs.types[k.DB][string(k.Key)] = types
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
		return cs, fmt.Errorf("%w: %s in several types, which Kvrocks cannot hold (%s, …; all in %s): %s",
			exitcode.ErrRefused, progress.Plural(count, "name stands", "names stand"), shown, format.ConflictsName, advice)
	}
	return cs, cs.checkNames(d)
}

// suffixed is the name under which the type of key is written.
func suffixed(key []byte, t format.Type) []byte {
	return slices.Concat(key, []byte(":"), []byte(t))
}

// checkNames makes sure that the dump has no key of a name that suffixed gives. It reads each frame
// once at the most.
func (cs *conflicts) checkNames(d Dump) error {
	for db := range cs.types {
		given := cs.suffixes(db)
		free := 0 // of those given, from the first on
		if len(given) == 0 {
			continue
		}
		err := d.Missing(db, func(format.ChunkInfo) bool { return true }, given, func(name []byte) error {
			if bytes.Equal(name, given[free]) {
				free++
			}
			return nil
		})
		if err != nil {
			return err
		}
		if free < len(given) {
			return fmt.Errorf("%w: --on-conflict suffix would give a key the name %q, but db%d has a key of that name already; use --on-conflict first",
				exitcode.ErrRefused, given[free], db)
		}
	}
	return nil
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
