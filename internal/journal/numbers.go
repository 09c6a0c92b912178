package journal

import (
	"slices"
)

// Numbers is a set of records' numbers, as runs: keys that a target held before mostly stand side by side.
type Numbers []run

type run struct{ from, to int64 } // to is behind the last

// Has reports whether n is in the set.
func (s Numbers) Has(n int64) bool {
	_, ok := s.find(n)
	return ok
}

// find returns the run that holds n, or where one would stand.
func (s Numbers) find(n int64) (int, bool) {
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

// add puts n into the set.
func (s *Numbers) add(n int64) {
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

// list returns the numbers in order.
func (s Numbers) list() []int64 {
	var all []int64
	for _, r := range s {
		for n := r.from; n < r.to; n++ {
			all = append(all, n)
		}
	}
	return all
}
