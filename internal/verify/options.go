package verify

import (
	"context"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/sample"
)

// Options say what a Checker compares, and what it takes for explained.
type Options struct {
	// KeysOnly compares type, length and expiry, and reads no elements.
	KeysOnly bool
	// Sample chooses keys; nil chooses all.
	Sample *sample.Sample

	// Name returns the name of a key on the server (nil: unchanged), or the class, ConflictLoser
	// or LeftOut, that says why it is not there. With Renamed as the class it is worth being
	// shown that the name is another one. Nil changes no name.
	Name func(db int, kind format.Kind, key []byte) (name []byte, class Class)
	// Expire returns the expiry on the server, 0 for never, and whether the load has left
	// out the key for its short life. Nil changes no expiry.
	Expire func(expire int64) (newExpire int64, short bool)
	// LeftOut reports whether the load has left out a key, or, if member is not nil, a member
	// of it. Nil: it has left out nothing.
	LeftOut func(db int, kind format.Kind, key, member []byte) bool
	// Refuses reports whether no load can have brought a score to the server. Nil: there
	// is no such score.
	Refuses func(score float64) bool

	// ExpiryUnknown reports whether the dump could not tell the expiry of a key, which has none
	// there. Nil: it could tell all.
	ExpiryUnknown func(db int, t format.Type, key []byte) bool

	// RoundedMs is by how many ms an expiry may differ on a server that rounds it.
	RoundedMs int64
	// NoZeroSign is set for a server that stores some -0 as 0.
	NoZeroSign bool
	// Clock is the time by which the server expires keys, read behind the answers that it may
	// explain. Nil is the host's.
	Clock func(ctx context.Context) time.Time

	// Budget bounds the answers of all Checkers together. Judge must not wait for another Checker
	// that shares it.
	Budget *archive.Memory

	// Report takes what is found. It is called by every Checker: it must be safe for concurrent
	// use.
	Report func(Difference)
	// Judge, if it is not nil, takes every key that is asked for, in the order of the dump, instead
	// of Report. Its error ends the check.
	Judge func(*Verdict) error
}

// Bounds of one flight and of one question.
const (
	flightQuestions = 256
	flightBytes     = 512 << 10
	questionElems   = 512
	questionBytes   = 256 << 10
	// joinBytes is how much of a string is asked for at once: a Kvrocks reads the whole of it
	// for every GETRANGE.
	joinBytes = 4 << 20
	// borrowBytes is the size from which a record is not copied but asked for at once.
	borrowBytes = 64 << 10
	// elementBytes is what an element costs beside its bytes.
	elementBytes = 32
)
