package verify

import (
	"fmt"
	"slices"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// A key is what a Checker knows of a key from its first record until its last answer.
type key struct {
	kind    format.Kind
	source  []byte // its name in the dump
	name    []byte // its name on the server
	renamed bool   // which is to be shown
	expire  int64

	closed  bool // its last part has come
	pending int  // questions without an answer
	asked   bool
	wanted  int64 // elements of the dump so far; bytes of a string
	refused int64 // those among them that no load brings
	last    format.StreamID
	state   *format.StreamState

	typ       string // Question.Type
	unasked   string // Question.Unasked
	gotExpire int64
	found     int64 // elements that are there
	extra     int64 // elements that are only there
	total     int64 // of the server; -1: it says Extra
	altered   bool  // a value, an element or a byte is there that the dump does not have
	unsure    bool  // a piece of a stream had more entries than were asked for
	diffs     []Difference
}

// over reports whether there is nothing more to ask.
func (k *key) over() bool { return k.typ != "" }

// alter notes that something is there that the dump does not have.
func (k *key) alter(member []byte, format string, args ...any) {
	k.altered = true
	k.differ(WrongValue, member, format, args...)
}

// differ notes a difference of an element, and returns all of its class: the first is shown.
func (k *key) differ(class Class, member []byte, format string, args ...any) *Difference {
	for i := range k.diffs {
		if k.diffs[i].Class == class {
			k.diffs[i].Count++
			return &k.diffs[i]
		}
	}
	if member != nil {
		member = clone(member)
	}
	k.diffs = append(k.diffs, Difference{Class: class, Count: 1, Member: member, Detail: fmt.Sprintf(format, args...)})
	return &k.diffs[len(k.diffs)-1]
}

func (k *key) differs() bool {
	return slices.ContainsFunc(k.diffs, func(d Difference) bool { return !d.Class.Explained() })
}

// only makes class the one thing to say of the key.
func (k *key) only(class Class, format string, args ...any) {
	k.diffs = append(k.diffs[:0], Difference{Class: class, Detail: fmt.Sprintf(format, args...)})
}

func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

// clone never returns nil: an empty key is one, too.
func clone(b []byte) []byte { return append([]byte{}, b...) }
