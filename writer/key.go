package writer

import "github.com/pika2kvrocks/pika2kvrocks/format"

// An outcome is why nothing more of a key is sent.
type outcome uint8

const (
	alive   outcome = iota // it goes on
	leftOut                // it was handed to Job.Report
	expired                // its time is over
)

// A key is what a worker knows of a key from its first record until the last reply.
type key struct {
	kind   format.Kind
	expire int64  // Unix ms, 0 for none
	dumped int64  // the expiry in the dump
	short  bool   // it has too little time to live (Options.Expire)
	source []byte // its name in the dump
	name   []byte // its name on the target
	out    outcome
	closed bool // its last part has been queued

	queued  int             // data commands that were queued, all in all
	pending int             // commands queued and not yet answered
	data    int             // data commands among those
	written int             // data commands that the target has taken
	length  int64           // list: elements queued. String: bytes queued
	ttlSure bool            // a PEXPIREAT stands behind a command that must have made the key
	checked bool            // Skip: EXISTS has been asked
	first   int64           // number of its first record
	taken   int64           // elements that the target has taken
	bytes   int64           // what those count
	again   bool            // an earlier run may have sent some of it: it is deleted first
	resumed bool            // it was open where the load goes on (Checkpoint.Open)
	raw     bool            // it goes by raw batches
	folded  bool            // raw: its batch counts it
	member  []byte          // raw: the last field or member of the parts before
	skip    int64           // resumed list or stream: elements that are there already
	last    format.StreamID // stream: its last entry
}

// reset makes k the key of r, re-using its buffers.
func (k *key) reset(r *format.Record) {
	source, name := append(k.source[:0], r.Key...), append(k.name[:0], r.Key...)
	*k = key{} // a literal with values would be made elsewhere, and copied
	k.kind, k.expire, k.dumped = r.Kind, r.Expire, r.Expire
	k.source, k.name = source, name
}

// ordered reports whether a piece that is missing in the middle changes what the
// pieces behind it mean, so that each must be answered before the next is sent.
func (k *key) ordered() bool { return k.kind == format.List || k.kind == format.String }
