package writer

import (
	"context"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// An outcome is why nothing more of a key is sent.
type outcome uint8

const (
	alive   outcome = iota // it goes on
	leftOut                // it was handed to Options.Report
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
	skip    int64           // resumed list or stream: elements that are there already
	last    format.StreamID // resumed stream: its last entry
}

// reset makes k the key of r, re-using its buffers.
func (k *key) reset(r *format.Record) {
	*k = key{
		kind:   r.Kind,
		expire: r.Expire,
		dumped: r.Expire,
		source: append(k.source[:0], r.Key...),
		name:   append(k.name[:0], r.Key...),
	}
}

// ordered reports whether a piece that is missing in the middle changes what the
// pieces behind it mean, so that each must be answered before the next is sent.
func (k *key) ordered() bool {
	return k.kind == format.List || k.kind == format.String
}

// isString reports whether k is written with SET.
func (k *key) isString() bool { return k.kind == format.String || k.kind == format.HyperLogLog }

// keptName is the largest name buffer that a key keeps for the next.
const keptName = 4 << 10

// newKey returns a key for r, one that is done with if there is one.
func (w *Worker) newKey(r *format.Record) *key {
	var k *key
	if n := len(w.free); n > 0 {
		k, w.free = w.free[n-1], w.free[:n-1]
	} else {
		k = new(key)
	}
	k.reset(r)
	if expire := w.loader.options.Expire; expire != nil {
		k.expire, k.short = expire(r.Expire)
	}
	return k
}

// done counts k if it is complete, and gives it back, once nothing of it is under way.
func (w *Worker) done(k *key) {
	if !k.closed || k.pending > 0 {
		return
	}
	if k.out == alive && k.written == 0 {
		// No server holds a collection without elements: there is no such key now.
		w.leave(k, ReasonRefused, "", "nothing of it could be written")
	}
	if k.out == alive {
		w.stats.keys.Add(1)
		if k.expire != 0 {
			w.stats.expiring.Add(1)
		}
	}
	if cap(k.source) > keptName || cap(k.name) > keptName {
		k.source, k.name = nil, nil
	}
	w.free = append(w.free, k)
}

// leave reports k as left out, once, and lets nothing more of it be sent.
func (w *Worker) leave(k *key, reason, command, reply string) {
	if k.out != alive {
		return
	}
	k.out = leftOut
	w.report(LeftOut{
		DB: w.db, Kind: k.kind, Key: clone(k.source), Reason: reason,
		Partial: k.written > 0, Command: command, Reply: reply,
	})
}

// drop deletes whatever the target holds of k, which is out.
func (w *Worker) drop(ctx context.Context, k *key) error {
	if len(w.batch.commands) >= w.loader.options.BatchCommands {
		if err := w.flush(ctx); err != nil {
			return err
		}
	}
	w.batch.begin("DEL")
	w.batch.name(k)
	w.batch.end(command{key: k, want: wantAny, always: true, drop: true})
	return nil
}

// leaveMember reports one member, field or entry of k: the rest of k goes on.
func (w *Worker) leaveMember(k *key, member []byte, command, reply string) {
	w.report(LeftOut{
		DB: w.db, Kind: k.kind, Key: clone(k.source), Reason: ReasonRefused,
		Member: clone(member), Command: command + " " + quote(member), Reply: reply,
	})
}

func (w *Worker) report(l LeftOut) {
	w.stats.leave(l.Reason)
	if w.reporter() != nil {
		w.reports = append(w.reports, l)
	}
}

// reporter is who is told of what is left out; nil: nobody.
func (w *Worker) reporter() func(LeftOut) {
	if w.job.Report != nil {
		return w.job.Report
	}
	return w.loader.options.Report
}

// expire counts k as expired, and lets nothing more of it be sent.
func (w *Worker) expire(k *key) {
	if k.out == alive {
		k.out = expired
		w.stats.expired.Add(1)
	}
}

// clone never returns nil: an empty key is one, too.
func clone(b []byte) []byte { return append([]byte{}, b...) }
