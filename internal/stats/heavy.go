package stats

import (
	"cmp"
	"maps"
	"slices"
)

// mostHeavy is how many ids are counted at once; half of them are given up when there are more.
const mostHeavy = 8192

// A heavy finds the ids, such as tenant:42:, that have the most bytes, as Misra and Gries count
// frequent ones: those that are small when there is no room are given up. Names come in order, so
// that the names of one id mostly are counted at once, and only a small id can be given up.
type heavy struct {
	ids map[string]*Counts
	// least is what an id has at least that is taken in; what is given up has at most that in each
	// place where it was met.
	least int64
}

func (h *heavy) add(id []byte, c Counts) {
	if is := h.ids[string(id)]; is != nil {
		is.add(c)
		return
	}
	if c.Bytes < h.least {
		return
	}
	if h.ids == nil {
		h.ids = map[string]*Counts{}
	}
	h.ids[string(id)] = &c
	if len(h.ids) > mostHeavy {
		sizes := make([]int64, 0, len(h.ids))
		for _, c := range h.ids {
			sizes = append(sizes, c.Bytes)
		}
		slices.Sort(sizes)
		h.least = sizes[len(sizes)/2] + 1
		maps.DeleteFunc(h.ids, func(_ string, c *Counts) bool { return c.Bytes < h.least })
	}
}

func (h *heavy) merge(o *heavy) {
	h.least = max(h.least, o.least)
	for id, c := range o.ids {
		h.add([]byte(id), *c)
	}
}

// An ID is one of the ids with the most bytes, with the prefix before it.
type ID struct {
	Prefix string `json:"prefix"`
	Counts
}

// list returns the largest.
func (h *heavy) list(most int) []ID {
	all := []ID{}
	for id, c := range h.ids {
		all = append(all, ID{id, *c})
	}
	slices.SortFunc(all, func(a, b ID) int { return cmp.Or(-cmp.Compare(a.Bytes, b.Bytes), cmp.Compare(a.Prefix, b.Prefix)) })
	return all[:min(len(all), most)]
}
