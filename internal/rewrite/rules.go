// Package rewrite says what a key of a dump becomes on the target: its name, its expiry, or why it
// is left out.
//
//	rules, err := rewrite.Options{Conflict: rewrite.Suffix}.Rules(dump, filter)
//	name, leaveOut := rules.Rename(db, kind, key)
//
// Two keys of a dump never become one. The package never asks a server, and never writes anything.
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
)

// Options are what the user wants of names and expiries.
type Options struct {
	Conflict Conflict
	Prefix   Prefix
	TTL      TTL
	Loaded   bool // by a load before: its choices are to be given again
}

// A Dump tells its names. It is an archive.Archive.
type Dump interface {
	// Conflicts hands over the names that exist under several types.
	Conflicts(each func(archive.ConflictKey) error) error
	// Missing hands over those of keys that are not in the dump. Keys are sorted.
	Missing(db int, keep func(format.ChunkInfo) bool, keys [][]byte, lacks func(key []byte) error) error
}

// Rules are Options for one dump and one load of it. Begin sets when that load began; all else is
// safe for concurrent use.
type Rules struct {
	Options
	conflicts conflicts
	began     int64 // Unix ms
	shift     int64 // of expiries, ms

	delta      *archive.Archive // nil: of a full dump
	was        conflicts
	filter     *filter.Filter
	leavesHLLs bool
}

// Rules reads which names of the dump exist under several types, and refuses them where Conflict is
// Fail. With Suffix it makes sure that no new name is in the dump already.
func (o Options) Rules(d Dump, f *filter.Filter) (*Rules, error) {
	cs, err := collectConflicts(d, f, o)
	if err == nil {
		err = cs.checkNames(d)
	}
	if err != nil {
		return nil, err
	}
	return &Rules{Options: o, conflicts: cs}, nil
}

// Rename returns the name on the target, nil if it is the same, or the reason for which the key is
// left out. No two keys get one name: a name with a suffix is of no key of the dump, and what the
// prefixes make of two names differs as these do.
func (r *Rules) Rename(db int, kind format.Kind, key []byte) (newKey []byte, leaveOut string) {
	newKey, leaveOut = r.conflicts.resolve(db, kind, key)
	switch {
	case leaveOut != "" || r.Prefix.IsNone():
		return newKey, leaveOut
	case newKey == nil:
		newKey = key
	}
	if newKey = r.Prefix.Apply(newKey); newKey == nil {
		return nil, leftout.Prefix
	}
	return newKey, ""
}

// IsSuffixed reports whether Rename gives a key a name with a suffix.
func (r *Rules) IsSuffixed(db int, kind format.Kind, key []byte) bool {
	name, _ := r.conflicts.resolve(db, kind, key)
	return name != nil
}

// IsSuffixedName reports whether a name, without the prefixes, is one with a suffix that Rename
// gives.
func (r *Rules) IsSuffixedName(db int, name []byte) bool { return r.conflicts.gives(db, name) }

// SuffixedNames returns the names on the target with a suffix that Rename gives, or that names of a
// delta had before, in order.
func (r *Rules) SuffixedNames(db int) [][]byte {
	names := append(r.conflicts.suffixes(db), r.was.suffixes(db)...)
	slices.SortFunc(names, bytes.Compare)
	names = slices.CompactFunc(names, bytes.Equal)
	for i := range names {
		names[i] = r.Prefix.Apply(names[i])
	}
	return names
}

// CheckRecorded compares the rules with the settings of a journal, as far as they go by the time
// when the load began. Where is the journal's place.
func (o *Options) CheckRecorded(settings map[string]string, where string) error {
	for _, s := range []struct{ name, now string }{{"--ttl", string(o.TTL.Mode)}, {"--ttl-min", o.TTL.Min.String()}} {
		if was := settings[s.name]; was != s.now {
			return fmt.Errorf("%w: by the journal in %s the load had %s %s, not %s: give what it had, or its --state",
				exitcode.ErrRefused, where, s.name, was, s.now)
		}
	}
	return nil
}
