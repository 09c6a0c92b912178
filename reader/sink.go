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
