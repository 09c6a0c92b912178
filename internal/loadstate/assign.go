package loadstate

import (
	"cmp"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/shard"
)

// AssignUnits returns the units of a shard: the largest first, each goes to the shard that has the
// fewest bytes so far. It depends on nothing but the units.
func AssignUnits(s shard.Shard, units []archive.Unit) []archive.Unit {
	if s.IsAll() {
		return units
	}
	sorted := slices.Clone(units)
	slices.SortFunc(sorted, func(x, y archive.Unit) int {
		return cmp.Or(cmp.Compare(y.Stored(), x.Stored()), cmp.Compare(x[0].Name, y[0].Name))
	})
	var own []archive.Unit
	bytes := make([]int64, s.Of)
	for _, u := range sorted {
		least := 0
		for i := range bytes {
			if bytes[i] < bytes[least] {
				least = i
			}
		}
		bytes[least] += u.Stored()
		if least == s.Index {
			own = append(own, u)
		}
	}
	return own
}

// Stored returns the bytes of the units' files.
func Stored(units []archive.Unit) (n int64) {
	for _, u := range units {
		n += u.Stored()
	}
	return n
}
