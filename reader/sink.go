package reader

import "github.com/pika2kvrocks/pika2kvrocks/format"

// A Sink takes what a pass finds, in key order, from one goroutine. What it is handed is
// valid until it returns. An error ends the pass.
type Sink interface {
	// Record takes a key, or the next part of one.
	Record(r *format.Record) error
	// Skip takes a key that was listed but is not in the dump, and why. A list of which some
	// elements may be missing is handed over, and skipped as Changed behind its last part.
	Skip(key []byte, reason Reason, detail string) error
	// Drop takes back what it was handed of a key whose last part has not come. Its records follow
	// anew, or Skip with the reason; empty: it is not known yet.
	Drop(key []byte, reason Reason) error
}

// A Reason says why a listed key was not handed over.
type Reason string

// The reasons.
const (
	Expired   Reason = "expired"        // its expiry came before it was read: nothing is lost
	Gone      Reason = "gone"           // deleted before it was read, or a name with a NUL, which a 4.0 cannot read
	Retyped   Reason = "retyped"        // of another type when it was read (4.0)
	Changed   Reason = "changed"        // changed each time it was read, so that its pieces did not fit one another
	Duplicate Reason = "duplicate-name" // listed under the name of the key before: its own was cut at a NUL (4.0)
	Internal  Reason = "internal"       // Pika's own bookkeeping for slot migration
	TooLarge  Reason = "too-large"      // an element is above what the format and every target can hold
	Unlisted  Reason = "unlisted"       // streams whose names begin so cannot be listed by the source

	// DeletedOrExpired: which of both cannot be told. By two looks the source does not have it any
	// more.
	DeletedOrExpired Reason = "deleted-or-expired"

	Unreadable Reason = "unreadable" // the source does not answer what can be understood when it is read, but does for others
	// ExpiryUnknown is said of a key behind its records, which have no expiry: TTL spoke of another
	// type of the name (up to 3.5).
	ExpiryUnknown Reason = "expiry-unknown"
)

// A HyperLogLogSink is a Sink that is told of each hyperloglog before its record comes.
type HyperLogLogSink interface {
	Sink
	// HyperLogLog takes the key and about how many members were added.
	HyperLogLog(key []byte, members int64)
}
