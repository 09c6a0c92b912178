package verify

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// A LeftOutList is what a load has listed as left out: of each key and member a digest, of many in a file.
type LeftOutList struct{ set *digestSet }

// ReadLeftOut reads the report of kvload load. What the rules tell as well is passed over.
func ReadLeftOut(r io.Reader) (*LeftOutList, error) { return readLeftOut(r, newDigestSet()) }

func readLeftOut(r io.Reader, set *digestSet) (*LeftOutList, error) {
	br := bufio.NewReader(r)
	for n := 1; ; n++ {
		text, err := br.ReadBytes('\n')
		if err == io.EOF && len(text) == 0 {
			break
		}
		if err != nil && err != io.EOF {
			return nil, errors.Join(err, set.close())
		}
		var line struct {
			DB           int
			Kind, Reason string
			Key, Member  []byte
		}
		if err := json.Unmarshal(text, &line); err != nil || line.Reason == "" {
			return nil, errors.Join(fmt.Errorf("line %d is not of a report of kvload load: %w", n, err), set.close())
		}
		if line.Reason == "hyperloglog" || line.Reason == "conflict" || line.Reason == "prefix" {
			continue
		}
		if err := set.add(digestOf(line.DB, line.Kind, line.Key, line.Member)); err != nil {
			return nil, errors.Join(err, set.close())
		}
	}
	if err := set.seal(); err != nil {
		return nil, errors.Join(err, set.close())
	}
	return &LeftOutList{set}, nil
}

// Holds is Options.LeftOut.
func (l *LeftOutList) Holds(db int, kind format.Kind, key, member []byte) bool {
	return l.set.holds(digestOf(db, kind.String(), key, member))
}

// Empty reports whether the list has nothing that the rules do not tell. Nil is empty.
func (l *LeftOutList) Empty() bool { return l == nil || l.set.empty() }

// Close frees the file, and returns why answers of Holds may have been wrong. Nil needs none.
func (l *LeftOutList) Close() error {
	if l == nil {
		return nil
	}
	err := l.set.err()
	if err != nil {
		err = fmt.Errorf("read the list of what was left out: %w", err)
	}
	return errors.Join(err, l.set.close())
}

// A KeySet is a set of keys, of any number in bounded memory. First all are added, then it is sealed, and asked.
type KeySet struct{ set *digestSet }

// NewKeySet returns an empty set.
func NewKeySet() *KeySet { return &KeySet{newDigestSet()} }

// Add adds a key of a database.
func (s *KeySet) Add(db int, key []byte) error { return s.set.add(digestOf(db, "", key, nil)) }

// Seal ends the adding.
func (s *KeySet) Seal() error { return s.set.seal() }

// Holds reports whether a key was added.
func (s *KeySet) Holds(db int, key []byte) bool { return s.set.holds(digestOf(db, "", key, nil)) }

// Close is as that of a LeftOutList.
func (s *KeySet) Close() error { return (&LeftOutList{s.set}).Close() }
