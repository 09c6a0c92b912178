package writer

import "math"

// KeepsMilliseconds reports whether the target stores expiries to the millisecond
// (SERVERS.md K6).
func (t *Target) KeepsMilliseconds() bool { return t.Server != kvrocks || t.atLeast(2, 9) }

// KeepsZeroSign reports whether a score of -0 stays one (SERVERS.md K5).
func (t *Target) KeepsZeroSign() bool { return t.Server == kvrocks }

// Refuses reports whether no ZADD brings a score to the target (SERVERS.md K5).
func (t *Target) Refuses(score float64) bool {
	return math.IsNaN(score) || t.Server == kvrocks && unusual(score)
}

// tellsExpiry reports whether the target knows PEXPIRETIME.
func (t *Target) tellsExpiry() bool { return t.Server != kvrocks || t.atLeast(2, 8) }

// listsGroups reports whether consumer groups are asked for by themselves: XINFO STREAM of a Redis has their number
// (SERVERS.md K11).
func (t *Target) listsGroups() bool { return t.Server == kvrocks && t.atLeast(2, 10) }

// watches reports whether MULTI with WATCH is fit for use (SERVERS.md K22).
func (t *Target) watches() bool { return !t.IsCluster() && (t.Server != kvrocks || t.atLeast(2, 13)) }

// tellsTime reports whether it knows TIME.
func (t *Target) tellsTime() bool { return t.Server != kvrocks || t.atLeast(2, 4) }

// scansInOrder reports whether a first page of HSCAN, SSCAN and ZSCAN holds the elements in byte order, and all of
// them if it is shorter than COUNT (SERVERS.md K13).
func (t *Target) scansInOrder() bool { return t.Server == kvrocks && t.atLeast(2, 10) }
