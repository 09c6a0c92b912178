package journal

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
)

// Runs is a set of records' numbers, as runs: keys that a target held before mostly stand side by
// side.
type Runs []run

type run struct{ from, to int64 } // to is behind the last

// MarshalJSON writes [from,to].
func (r run) MarshalJSON() ([]byte, error) { return json.Marshal([2]int64{r.from, r.to}) }

// UnmarshalJSON reads it.
func (r *run) UnmarshalJSON(data []byte) error {
	var pair [2]int64
	if err := json.Unmarshal(data, &pair); err != nil {
		return err
	}
	if pair[0] < 0 || pair[1] <= pair[0] {
		return fmt.Errorf("no records are from %d to before %d", pair[0], pair[1])
	}
	*r = run{pair[0], pair[1]}
	return nil
}

// Has reports whether n is in the set.
func (s Runs) Has(n int64) bool {
	_, ok := s.find(n)
	return ok
}

// find returns the run that holds n, or where one would stand.
func (s Runs) find(n int64) (int, bool) {
	return slices.BinarySearchFunc(s, n, func(r run, n int64) int {
		switch {
		case r.to <= n:
			return -1
		case r.from > n:
			return 1
		}
		return 0
	})
}

func (s *Runs) add(n int64) {
	i, ok := s.find(n)
	if ok {
		return
	}
	before := i > 0 && (*s)[i-1].to == n
	behind := i < len(*s) && (*s)[i].from == n+1
	switch {
	case before && behind:
		(*s)[i-1].to = (*s)[i].to
		*s = slices.Delete(*s, i, i+1)
	case before:
		(*s)[i-1].to++
	case behind:
		(*s)[i].from--
	default:
		*s = slices.Insert(*s, i, run{n, n + 1})
	}
}

// addRun puts a run into the set, which mostly comes behind all that are there.
func (s *Runs) addRun(r run) {
	if n := len(*s); n == 0 || (*s)[n-1].to < r.from {
		*s = append(*s, r)
		return
	}
	for n := r.from; n < r.to; n++ {
		s.add(n)
	}
}

// A packedRuns is Runs for a unit that is done: of each run the distance from the one before and
// the length, two bytes where both are below 128.
type packedRuns []byte

func (s Runs) pack() packedRuns {
	var p packedRuns
	at := int64(0)
	for _, r := range s {
		p = binary.AppendUvarint(p, uint64(r.from-at))
		p = binary.AppendUvarint(p, uint64(r.to-r.from))
		at = r.to
	}
	return slices.Clip(p)
}

func (p packedRuns) unpack() (s Runs) {
	p.each(func(r run) { s = append(s, r) })
	return s
}

func (p packedRuns) each(do func(run)) {
	for at := int64(0); len(p) > 0; {
		gap, n := binary.Uvarint(p)
		length, m := binary.Uvarint(p[n:])
		r := run{at + int64(gap), at + int64(gap+length)}
		do(r)
		p, at = p[n+m:], r.to
	}
}
