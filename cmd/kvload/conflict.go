package main

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/command"
	"github.com/pika2kvrocks/pika2kvrocks/internal/filter"
	"github.com/pika2kvrocks/pika2kvrocks/internal/progress"
	"github.com/pika2kvrocks/pika2kvrocks/writer"
)

// A conflictPolicy says what becomes of a name that stands in several types: the target
// has one type per name.
type conflictPolicy string

const (
	conflictFail   conflictPolicy = "fail"
	conflictFirst  conflictPolicy = "first"
	conflictSuffix conflictPolicy = "suffix"
)

func parseConflict(s string) (conflictPolicy, error) {
	p := conflictPolicy(s)
	if p != conflictFail && p != conflictFirst && p != conflictSuffix {
		return "", command.Usage("--on-conflict %q: it is fail, first or suffix", s)
	}
	return p, nil
}

// maxConflictBytes bounds the names that are kept in memory.
const maxConflictBytes = 32 << 20

// conflicts knows the names that stand in several of the types that are loaded.
type conflicts struct {
	policy conflictPolicy
	prefix prefix
	types  map[int]map[string][]format.Type // by database and name, in Pika's order
}

// readConflicts reads the dump's list and refuses it under the policy fail. Under the policy
// suffix it makes sure that no new name is in the dump already.
func readConflicts(a *archive.Archive, f *filter.Filter, policy conflictPolicy, p prefix) (*conflicts, error) {
	cs := &conflicts{policy, p, map[int]map[string][]format.Type{}}
	var shown []string
	count, size := 0, 0
	keep := f.Key()
	err := a.Conflicts(func(k archive.ConflictKey) error {
		types := slices.DeleteFunc(k.Types, func(t format.Type) bool { return !f.Type(t) })
		if len(types) < 2 || !f.DB(k.DB) || keep != nil && !keep(k.Key) || p.of(k.Key) == nil {
			return nil
		}
		count++
		if policy == conflictFail {
			if len(shown) < 3 {
				shown = append(shown, fmt.Sprintf("%s in db%d is %v", k.Name, k.DB, types))
			}
			return nil
		}
		if size += len(k.Key) + 64; size > maxConflictBytes {
			return fmt.Errorf("%w: more than %s in several types; load one type at a time with --type", errRefused, progress.Plural(count, "name stands", "names stand"))
		}
		if cs.types[k.DB] == nil {
			cs.types[k.DB] = map[string][]format.Type{}
		}
		cs.types[k.DB][string(k.Key)] = types
		return nil
	})
	if err != nil {
		return nil, err
	}
	if policy == conflictFail && count > 0 {
		return nil, fmt.Errorf("%w: %s in several types, which Kvrocks cannot hold (%s, …; all in %s): "+
			"choose --on-conflict first or suffix, or load one type with --type", errRefused, progress.Plural(count, "name stands", "names stand"), shown[0], format.ConflictsName)
	}
	if policy == conflictSuffix {
		return cs, cs.checkNames(a)
	}
	return cs, nil
}

// suffixed is the name under which the type of key is written.
func suffixed(key []byte, t format.Type) []byte {
	return slices.Concat(key, []byte(":"), []byte(t))
}

// checkNames makes sure that the dump has no key of a name that suffixed gives. It reads each frame once at the most.
func (cs *conflicts) checkNames(a *archive.Archive) error {
	for db := range cs.types {
		given := cs.suffixes(db)
		free := 0 // of those given, from the first on
		err := a.Lacking(db, func(format.ChunkInfo) bool { return true }, given, func(name []byte) error {
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
				errRefused, given[free], db)
		}
	}
	return nil
}

// rename is writer.Options.Rename. No two keys get one name: checkNames saw to it that a name with a suffix
// is of no key of the dump, and what the prefixes make of two names differs as these do.
func (cs *conflicts) rename(db int, kind format.Kind, key []byte) (newKey []byte, leaveOut string) {
	if cs == nil { // of a dump that was made by --undo
		return nil, ""
	}
	newKey, leaveOut = cs.resolve(db, kind, key)
	switch {
	case leaveOut != "" || cs.prefix.isNone():
		return newKey, leaveOut
	case newKey == nil:
		newKey = key
	}
	if newKey = cs.prefix.of(newKey); newKey == nil {
		return nil, reasonPrefix
	}
	return newKey, ""
}

// resolve returns the name of one of the types that a name stands in (nil: unchanged), still without the
// prefixes, or why it is left out.
func (cs *conflicts) resolve(db int, kind format.Kind, key []byte) (newKey []byte, leaveOut string) {
	types, ok := cs.types[db][string(key)]
	if !ok || types[0].Holds(kind) {
		return nil, ""
	}
	if cs.policy == conflictFirst {
		return nil, writer.ReasonConflict
	}
	for _, t := range types[1:] {
		if t.Holds(kind) {
			return suffixed(key, t), ""
		}
	}
	return nil, "" // a type that the list does not name has the name to itself
}

// isSuffixed reports whether resolve gives a key another name.
func (cs *conflicts) isSuffixed(db int, kind format.Kind, key []byte) bool {
	name, _ := cs.resolve(db, kind, key)
	return name != nil
}

// gave reports whether resolve gives a key of the dump this name.
func (cs *conflicts) gave(db int, name []byte) bool {
	for _, t := range format.Types {
		key, ok := bytes.CutSuffix(name, []byte(":"+string(t)))
		if !ok {
			continue
		}
		if types := cs.types[db][string(key)]; len(types) > 1 && slices.Contains(types[1:], t) {
			return true
		}
	}
	return false
}
