package loadstate

import (
	"fmt"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
	"github.com/pika2kvrocks/pika2kvrocks/internal/shard"
)

// TestAssignUnits: every unit is in exactly one shard, whatever the order of the units, and the
// shards are of like size.
func TestAssignUnits(t *testing.T) {
	var units []archive.Unit
	for i := range 200 {
		size := int64(1000 + i*i%977)
		units = append(units, archive.Unit{format.ChunkInfo{File: format.File{Name: fmt.Sprintf("c%03d", i), Size: size}}})
	}
	for _, n := range []int{1, 3, 8, 300} {
		seen := map[string]int{}
		var least, most int64
		for i := range n {
			own := AssignUnits(shard.Shard{Index: i, Of: n}, units)
			for _, u := range own {
				seen[u[0].Name]++
			}
			size := Stored(own)
			if i == 0 || size < least {
				least = size
			}
			most = max(most, size)
		}
		if len(seen) != len(units) {
			t.Errorf("%d shards have %d units", n, len(seen))
		}
		for name, times := range seen {
			if times != 1 {
				t.Errorf("%d shards: %s stands in %d", n, name, times)
			}
		}
		if n <= 8 && most-least > 1977 {
			t.Errorf("%d shards have from %d to %d bytes", n, least, most)
		}
	}
	turned := append([]archive.Unit(nil), units[100:]...)
	turned = append(turned, units[:100]...)
	if a, b := fmt.Sprint(AssignUnits(shard.Shard{Index: 2, Of: 7}, units)), fmt.Sprint(AssignUnits(shard.Shard{Index: 2, Of: 7}, turned)); a != b {
		t.Error("a shard depends on the order of the units")
	}
}
