package archive

// Shards of a dump write their chunks into one directory or bucket, each under numbers of its own:
// those of shard 12 are 1012000001 and so on. Numbers below belong to runs that are no shard. A
// shard looks at its own chunks only.
const (
	shardBase = 1_000_000_000
	shardSpan = 1_000_000
)

// A numberRange is a range of chunk numbers: 0 is that of runs that are no shard, others are those
// of shard 0 and so on.
type numberRange int

func numberRangeOf(number int) numberRange {
	if number < shardBase {
		return 0
	}
	return numberRange((number-shardBase)/shardSpan + 1)
}

// base returns the number below the first.
func (r numberRange) base() int {
	if r == 0 {
		return 0
	}
	return shardBase + int(r-1)*shardSpan
}
