package plan

import (
	"bytes"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
)

// A weighted key is one of a sample.
type weighted struct {
	key    []byte
	weight float64 // what it stands for: about bytes
}

// What a sampled key weighs, for each key that it stands for: its bytes, and what it takes to ask
// for it. A single large one says little of others.
const (
	weightOfKey  = 128
	weightAtMost = 64 << 10
)

// weigh returns the weight of a sampled key of size bytes that stands for so many.
func weigh(keys float64, size int64) float64 {
	return keys * float64(weightOfKey+min(size, weightAtMost))
}

// bounds divides a sample of the keys of one database into n parts of about the same weight, and
// returns the first key of each but the first. Of fewer keys than parts, parts are empty.
func bounds(sample []weighted, n int) []archive.Boundary {
	slices.SortFunc(sample, func(a, b weighted) int { return bytes.Compare(a.key, b.key) })
	all := 0.0
	for _, k := range sample {
		all += k.weight
	}
	out := make([]archive.Boundary, 0, n-1)
	before, at := 0.0, 0
	for i := 1; i < n; i++ {
		for at < len(sample)-1 && before+sample[at].weight/2 < all*float64(i)/float64(n) {
			before += sample[at].weight
			at++
		}
		var key []byte
		if len(sample) > 0 {
			key = sample[at].key
		}
		out = append(out, archive.NewBoundary(key))
	}
	return out
}
