package format

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Kind is the kind of a record: the first value of its array (docs/FORMAT.md §5).
type Kind uint8

// The kinds of records. Deleted is of deltas, in chunks of every type: the name does not stand in
// that type any more. No chunk of version 1 holds it.
const (
	String      Kind = 1
	Hash        Kind = 2
	List        Kind = 3
	Set         Kind = 4
	Zset        Kind = 5
	Stream      Kind = 6
	HyperLogLog Kind = 7
	Deleted     Kind = 16
)

// kinds says how each kind is called, which type holds it, and how many values its array has.
var kinds = [256]struct {
	name   string
	typ    Type // empty: any
	values int
}{
	String: {"string", TypeString, 5}, Hash: {"hash", TypeHash, 5}, List: {"list", TypeList, 5},
	Set: {"set", TypeSet, 5}, Zset: {"zset", TypeZset, 5}, Stream: {"stream", TypeStream, 6},
	HyperLogLog: {"hyperloglog", TypeString, 4}, Deleted: {"deleted", "", 2},
}

func (k Kind) String() string { return cmp.Or(kinds[k].name, "kind "+strconv.Itoa(int(k))) }

// Type is the type of a chunk: the keyspace of the source that it covers a range of.
type Type string

// The types, in the order in which Pika looks a name up (SERVERS.md P5).
const (
	TypeString Type = "string" // holds String and HyperLogLog records
	TypeHash   Type = "hash"
	TypeList   Type = "list"
	TypeZset   Type = "zset"
	TypeSet    Type = "set"
	TypeStream Type = "stream"
)

// Types lists all types in the order in which Pika looks a name up.
var Types = []Type{TypeString, TypeHash, TypeList, TypeZset, TypeSet, TypeStream}

// Type returns the type whose chunks hold records of the kind; empty: none does.
func (k Kind) Type() Type { return kinds[k].typ }

// Holds reports whether a chunk of type t may hold records of kind k.
func (t Type) Holds(k Kind) bool { return t != "" && t == k.Type() }

// ParseType returns the type called s.
func ParseType(s string) (Type, error) {
	if slices.Contains(Types, Type(s)) {
		return Type(s), nil
	}
	return "", fmt.Errorf("unknown type %q: the types are string, hash, list, zset, set and stream", s)
}

// Part says which part of its key a record is. A small key is one record with
// PartWhole; a large one is many, in order, with no other key between them.
type Part uint8

// The bits of a Part.
const (
	PartFirst Part = 1 // the record is its key's first
	PartLast  Part = 2 // the record is its key's last
	PartWhole      = PartFirst | PartLast
)

// A Record is one key, or one part of a large one. Which fields count depends on Kind.
// Slices that a reader hands out are valid until its next call.
type Record struct {
	Kind   Kind
	Key    []byte
	Expire int64 // Unix time in ms; 0 for a key that does not expire
	Part   Part

	Value   []byte       // String: this part of the value. HyperLogLog: the registers
	Elems   [][]byte     // Hash: field, value, … List: elements. Set, Zset: members
	Scores  []float64    // Zset: the score of each of Elems
	Entries []Entry      // Stream
	State   *StreamState // Stream: on the last part, nil on others
}

// StreamID is the id of a stream entry: milliseconds and a sequence number.
type StreamID struct{ Ms, Seq uint64 }

// String returns the id as servers write it: "ms-seq".
func (id StreamID) String() string {
	return strconv.FormatUint(id.Ms, 10) + "-" + strconv.FormatUint(id.Seq, 10)
}

// Compare orders ids as servers do.
func (id StreamID) Compare(to StreamID) int {
	return cmp.Or(cmp.Compare(id.Ms, to.Ms), cmp.Compare(id.Seq, to.Seq))
}

// Next returns the id right behind one that is not the last of all.
func (id StreamID) Next() StreamID {
	if id.Seq++; id.Seq == 0 {
		id.Ms++
	}
	return id
}

// ParseStreamID reads what String writes.
func ParseStreamID(s string) (id StreamID, ok bool) {
	ms, seq, ok := strings.Cut(s, "-")
	var err1, err2 error
	id.Ms, err1 = strconv.ParseUint(ms, 10, 64)
	id.Seq, err2 = strconv.ParseUint(seq, 10, 64)
	return id, ok && err1 == nil && err2 == nil
}

// An Entry is one entry of a stream: its id, then field, value, ….
type Entry struct {
	ID     StreamID
	Fields [][]byte
}

// StreamState is what a stream knows beside its entries: XINFO STREAM's
// last-generated-id, max-deleted-entry-id and entries-added.
type StreamState struct {
	LastID       StreamID
	MaxDeletedID StreamID
	EntriesAdded uint64
}

// Deleted is the largest deleted id as a target takes it: none is above the last id. A Pika counts
// ids that were never there (docs/SERVERS.md P13).
func (s *StreamState) Deleted() StreamID {
	if s.MaxDeletedID.Compare(s.LastID) > 0 {
		return s.LastID
	}
	return s.MaxDeletedID
}

// Elements returns how many elements the record holds: fields, members, elements or entries; 1 for
// the first record of a string or hyperloglog, 0 for the others and for what was deleted.
func (r *Record) Elements() int {
	switch r.Kind {
	case Hash:
		return len(r.Elems) / 2
	case List, Set, Zset:
		return len(r.Elems)
	case Stream:
		return len(r.Entries)
	case Deleted:
		return 0
	}
	return int(r.Part & PartFirst)
}

// Length returns how many elements the record holds, or bytes of a string or hyperloglog.
func (r *Record) Length() int {
	if r.Kind == String || r.Kind == HyperLogLog {
		return len(r.Value)
	}
	return r.Elements()
}

// Validate reports the first rule of docs/FORMAT.md §5 that the record breaks.
func (r *Record) Validate() error {
	if err := r.validateHead(); err != nil {
		return err
	}
	switch r.Kind {
	case Deleted:
		return nil
	case String, HyperLogLog:
		if len(r.Value) > MaxBulk {
			return fmt.Errorf("value of %d bytes: %w", len(r.Value), ErrLimit)
		}
		return nil
	case Stream:
		return r.validateStream()
	}
	if r.Kind == Hash && len(r.Elems)%2 != 0 {
		return errors.New("hash with a field that has no value")
	}
	if r.Kind == Zset && len(r.Elems) != len(r.Scores) {
		return fmt.Errorf("zset with %d members and %d scores", len(r.Elems), len(r.Scores))
	}
	n := len(r.Elems)
	if r.Kind == Zset {
		n *= 2
	}
	return validateBulks(r.Elems, n)
}

func (r *Record) validateHead() error {
	switch {
	case kinds[r.Kind].values == 0:
		return fmt.Errorf("%w %d", ErrKind, r.Kind)
	case len(r.Key) > MaxBulk:
		return fmt.Errorf("key of %d bytes: %w", len(r.Key), ErrLimit)
	case r.Expire < 0:
		return fmt.Errorf("expiry %d is before 1970", r.Expire)
	case r.Part > PartWhole:
		return fmt.Errorf("unknown part bits %#x", uint8(r.Part))
	case r.Part != PartWhole && (r.Kind == HyperLogLog || r.Kind == Deleted):
		return fmt.Errorf("%s in parts", r.Kind)
	case r.Kind == Deleted && r.Expire != 0:
		return errors.New("a deleted key with an expiry")
	}
	return nil
}

func (r *Record) validateStream() error {
	if (r.State != nil) != (r.Part&PartLast != 0) {
		return errors.New("stream state must stand on the last part, and only there")
	}
	if len(r.Entries) > MaxElements {
		return fmt.Errorf("%d entries: %w", len(r.Entries), ErrLimit)
	}
	for i := range r.Entries {
		f := r.Entries[i].Fields
		if len(f)%2 != 0 {
			return fmt.Errorf("stream entry %s with a field that has no value", r.Entries[i].ID)
		}
		if err := validateBulks(f, len(f)); err != nil {
			return err
		}
	}
	return nil
}

func validateBulks(bulks [][]byte, values int) error {
	if values > MaxElements {
		return fmt.Errorf("%d values in one record: %w", values, ErrLimit)
	}
	for _, b := range bulks {
		if len(b) > MaxBulk {
			return fmt.Errorf("element of %d bytes: %w", len(b), ErrLimit)
		}
	}
	return nil
}

// sequence checks that records follow one another as docs/FORMAT.md §5.3 asks:
// keys in byte order, each once, a key's parts together and whole.
type sequence struct {
	started bool
	open    bool // the last record was not its key's last part
	kind    Kind
	expire  int64
	key     []byte
}

// continues starts the sequence inside key: the chunk continues a key that
// the chunk before left open.
func (s *sequence) continues(key []byte) {
	s.started, s.open, s.kind = true, true, 0
	s.key = append(s.key[:0], key...)
}

func (s *sequence) next(r *Record) error {
	first := r.Part&PartFirst != 0
	switch {
	case s.open && (first || !bytes.Equal(s.key, r.Key)):
		return fmt.Errorf("key %q follows before the last part of %q", short(r.Key), short(s.key))
	case !s.open && !first:
		return fmt.Errorf("key %q has no first part", short(r.Key))
	case s.open && s.kind != 0 && (s.kind != r.Kind || s.expire != r.Expire):
		return fmt.Errorf("the parts of key %q differ in kind or expiry", short(r.Key))
	case !s.open && s.started && bytes.Compare(s.key, r.Key) >= 0:
		return fmt.Errorf("key %q does not come after %q", short(r.Key), short(s.key))
	}
	if first {
		s.key = append(s.key[:0], r.Key...)
	}
	s.started, s.open = true, r.Part&PartLast == 0
	s.kind, s.expire = r.Kind, r.Expire
	return nil
}

// short cuts a key to a length that an error can show.
func short(key []byte) []byte { return key[:min(len(key), 64)] }

// Size returns the bytes of user data in the record beside its key.
func (r *Record) Size() int {
	n := len(r.Value) + 8*len(r.Scores)
	for _, e := range r.Elems {
		n += len(e)
	}
	for i := range r.Entries {
		n += 16
		for _, f := range r.Entries[i].Fields {
			n += len(f)
		}
	}
	return n
}
