// Package keyset is a set of keys, or members of keys, of any number in bounded memory: of each it
// keeps a digest, of many in a file.
//
//	s := keyset.New()       // s.Add(db, kind, key, nil) for each, then s.Seal()
//	s.Holds(db, kind, key, nil)
//
// It never forgets one that was added; that it holds one that was not is as good as impossible.
package keyset

import (
	"errors"
	"fmt"
)

// A Set first has all keys added, by one goroutine, then is sealed, and then any may ask it.
type Set struct{ digests *digestSet }

// New returns an empty set.
func New() *Set { return &Set{newDigestSet()} }

// Add adds a key of a database, or, if member is not nil, a member of it. Kind may be empty.
func (s *Set) Add(db int, kind string, key, member []byte) error {
	return s.digests.add(digestOf(db, kind, key, member))
}

// Seal ends the adding.
func (s *Set) Seal() error { return s.digests.seal() }

// Holds reports whether exactly this was added.
func (s *Set) Holds(db int, kind string, key, member []byte) bool {
	return s.digests.holds(digestOf(db, kind, key, member))
}

// Empty reports whether nothing was added.
func (s *Set) Empty() bool { return s.digests.empty() }

// Close frees the file, and returns why answers of Holds may have been wrong.
func (s *Set) Close() error {
	err := s.digests.err()
	if err != nil {
		err = fmt.Errorf("look up a key in a file: %w", err)
	}
	return errors.Join(err, s.digests.close())
}
