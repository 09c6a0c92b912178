package rewrite

import (
	"math"
	"time"

	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// A TTLMode says what becomes of expiries.
type TTLMode string

// The modes: expiries stay, no key expires, or each expires later by the age of the dump.
const (
	Keep  TTLMode = "keep"
	Drop  TTLMode = "drop"
	Shift TTLMode = "shift"
)

// A TTL is what becomes of expiries in one load.
type TTL struct {
	Mode TTLMode
	Min  time.Duration // keys that have less to live are left out; 0: none
}

// GoesByBegin reports whether it depends on when the load began.
func (t TTL) GoesByBegin() bool { return t.Mode == Shift || t.Min > 0 }

// apply returns the expiry on the target, 0 for never, and whether the key had too little to live
// when the load began. One that was over by then is expired, not short.
func (t TTL) apply(expire, shift, began int64) (newExpire int64, short bool) {
	if expire == 0 || t.Mode == Drop {
		return 0, false
	}
	if shift > 0 && expire > math.MaxInt64-shift {
		expire = math.MaxInt64
	} else {
		expire = max(1, expire+shift) // 0 would be never
	}
	return expire, t.Min > 0 && expire > began && expire-began < t.Min.Milliseconds()
}

// Begin sets when the load began, by the clock of the target. All runs of a load go by that one
// time, and so do verify and rollback: the journal keeps it. With Shift, what had so much to live
// when the dump was begun has as much when the load begins: whatever the dump holds was alive then,
// so that nothing of it is lost. Expiries are by the clock of the source, which may not be that of
// the host that dumped.
func (r *Rules) Begin(now time.Time, m *format.Manifest) { r.BeginAt(now, Started(&m.Info)) }

// BeginAt is Begin for a delta, which goes by when the dump of its base began.
func (r *Rules) BeginAt(now, started time.Time) {
	r.began, r.shift = now.UnixMilli(), 0
	if r.TTL.Mode == Shift {
		r.shift = r.began - started.UnixMilli()
	}
}

// Started is when a dump began, by the clock of its source.
func Started(in *format.Info) time.Time {
	return in.Started.Add(time.Duration(in.Source.ClockDifference) * time.Millisecond)
}

// Began returns the time that Begin has set, in Unix ms.
func (r *Rules) Began() int64 { return r.began }

// Expire returns the expiry on the target, 0 for never, and whether the key had too little to live
// when the load began.
func (r *Rules) Expire(expire int64) (newExpire int64, short bool) {
	return r.TTL.apply(expire, r.shift, r.began)
}

// ExpireFunc is Expire, or nil where it changes nothing.
func (r *Rules) ExpireFunc() func(int64) (int64, bool) {
	if r.TTL.Mode == Keep && r.TTL.Min == 0 {
		return nil
	}
	return r.Expire
}
