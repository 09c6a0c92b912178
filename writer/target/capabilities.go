package target

import "math"

// KeepsMilliseconds reports whether the target stores expiries to the millisecond (SERVERS.md K6).
func (t *Info) KeepsMilliseconds() bool { return t.Server != kvrocks || t.AtLeast(2, 9) }

// KeepsZeroSign reports whether a score of -0 stays one (SERVERS.md K5).
func (t *Info) KeepsZeroSign() bool { return t.Server == kvrocks }

// Refuses reports whether no ZADD brings a score to the target (SERVERS.md K5).
func (t *Info) Refuses(score float64) bool {
	return math.IsNaN(score) || t.Server == kvrocks && Unusual(score)
}

// TellsExpiry reports whether the target knows PEXPIRETIME.
func (t *Info) TellsExpiry() bool { return t.Server != kvrocks || t.AtLeast(2, 8) }

// ListsGroups reports whether consumer groups are asked for by themselves: XINFO STREAM of a Redis
// has their number (SERVERS.md K11).
func (t *Info) ListsGroups() bool { return t.Server == kvrocks && t.AtLeast(2, 10) }

// Watches reports whether MULTI with WATCH is fit for use (SERVERS.md K22).
func (t *Info) Watches() bool { return !t.IsCluster() && (t.Server != kvrocks || t.AtLeast(2, 13)) }

// TellsTime reports whether it knows TIME.
func (t *Info) TellsTime() bool { return t.Server != kvrocks || t.AtLeast(2, 4) }

// ScansInOrder reports whether a first page of HSCAN, SSCAN and ZSCAN holds the elements in byte
// order, and all of them if it is shorter than COUNT (SERVERS.md K13).
func (t *Info) ScansInOrder() bool { return t.Server == kvrocks && t.AtLeast(2, 10) }

// OneMSET reports whether MSET is one write, so that a refused one has written nothing
// (SERVERS.md K8).
func (t *Info) OneMSET() bool { return t.Server != kvrocks || t.AtLeast(2, 6) }

// Unusual reports whether a server may refuse a score (SERVERS.md K5).
func Unusual(score float64) bool {
	const smallestNormal = 0x1p-1022
	return math.IsNaN(score) || score != 0 && math.Abs(score) < smallestNormal
}
