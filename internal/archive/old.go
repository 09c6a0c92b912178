package archive

import "github.com/pika2kvrocks/pika2kvrocks/format"

// The names that these had before. They go when nothing uses them.
type (
	Division       = ShardPlan
	Bound          = Boundary
	DatabaseBounds = DatabaseBoundaries
)

// The same of constants and functions.
const MaxShares = MaxShards

var (
	NewBound      = NewBoundary
	ParseDivision = ParseShardPlan
	ErrDivision   = ErrShardPlan
)

// Share is CacheFrames.
func (a *Archive) Share(readers int, maxBytes int64) { a.CacheFrames(readers, maxBytes) }

// Lacking is Missing.
func (a *Archive) Lacking(db int, keep func(format.ChunkInfo) bool, keys [][]byte, lacks func(key []byte) error) error {
	return a.Missing(db, keep, keys, lacks)
}
