package verify

import (
	"slices"
	"strconv"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// A Class says in what way a key differs.
type Class string

// The classes. Those from ExpiredSince on are explained: they are shown, but are no differences.
const (
	Missing         Class = "missing"
	WrongType       Class = "type"
	WrongValue      Class = "value"            // a value, score, element or byte is another one
	MissingElements Class = "missing elements" // fields, members, elements or entries
	ExtraElements   Class = "extra elements"
	ExpiryDiffers   Class = "expiry differs"
	ExtraKey        Class = "not in the dump" // found by the reverse pass

	ExpiredSince  Class = "expired since"
	ExpiryRounded Class = "expiry rounded" // the server does not keep milliseconds
	ExpiryUnknown Class = "expiry unknown" // the dump, or the server, could not tell it
	ZeroSign      Class = "sign of zero"   // the server keeps no -0
	ConflictLoser Class = "conflict loser" // another type of the source has the name
	Renamed       Class = "renamed"        // found under its new name, and compared there
	LeftOut       Class = "left out by the load"
)

// Classes lists all classes in the order in which they are shown.
var Classes = []Class{
	Missing, WrongType, WrongValue, MissingElements, ExtraElements, ExpiryDiffers, ExtraKey,
	ExpiredSince, ExpiryRounded, ExpiryUnknown, ZeroSign, ConflictLoser, Renamed, LeftOut,
}

// Explained reports whether the class is no difference.
func (c Class) Explained() bool {
	return slices.Index(Classes, c) >= slices.Index(Classes, ExpiredSince)
}

// A Difference is what is found of one key, in one class.
type Difference struct {
	DB      int // database of the source
	Kind    format.Kind
	Key     []byte // as the dump has it; the receiver may keep it
	NewName []byte // on the server; nil if it is the same
	Class   Class
	Count   int64  // elements that it concerns; 0 where it concerns the key
	Member  []byte // the first of them: field, member, or id of an entry
	Detail  string // for people
}

// shownBytes is how much of a value a Difference shows.
const shownBytes = 40

func quoted[T string | []byte](b T) string {
	if len(b) > shownBytes {
		return strconv.Quote(string(b[:shownBytes])) + "…"
	}
	return strconv.Quote(string(b))
}

// A Verdict is what one key of the dump turned out to be on the server.
type Verdict struct {
	Key    []byte // as the dump has it; until the call returns
	Absent bool   // there is no such key
	Equal  bool   // it is there, and differs in nothing that is not explained
	Part   bool   // it is there, and holds nothing but what the dump has: elements behind, bytes behind, or the expiry may lack
	Found  []Difference
}
