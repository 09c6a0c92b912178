package stats

import (
	"bytes"
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

	fresh []id   // those of addNext, until settle
	names []byte // theirs
	last  []byte // the id of which more may come
	count Counts // its
}

// An id is one of fresh, whose name ends there in names.
type id struct {
	end int
	Counts
}

// addNext adds an id that is the last one, or not among those since settle: that is cheaper than
// add.
func (h *heavy) addNext(name []byte, c Counts) {
	if bytes.Equal(name, h.last) {
		h.count.add(c)
		return
	}
	h.endLast()
	h.last, h.count = append(h.last[:0], name...), c
}

// endLast takes in the last id, of which no more comes.
func (h *heavy) endLast() {
	if h.count.Bytes < h.least || h.count.Keys == 0 {
		return
	}
	h.names = append(h.names, h.last...)
	h.fresh = append(h.fresh, id{len(h.names), h.count})
	if len(h.fresh) > mostHeavy {
		sizes := make([]int64, 0, len(h.fresh))
		for _, f := range h.fresh {
			sizes = append(sizes, f.Bytes)
		}
		h.raise(sizes)
		fresh, names, from := h.fresh[:0], h.names[:0], 0
		for _, f := range h.fresh {
			if f.Bytes >= h.least {
				names = append(names, h.names[from:f.end]...)
				fresh = append(fresh, id{len(names), f.Counts})
			}
			from = f.end
		}
		h.fresh, h.names = fresh, names
	}
}

// settle adds what addNext was given.
func (h *heavy) settle() {
	h.endLast()
	h.last, h.count = h.last[:0], Counts{}
	from := 0
	for _, f := range h.fresh {
		h.add(h.names[from:f.end], f.Counts)
		from = f.end
	}
	h.fresh, h.names = h.fresh[:0], h.names[:0]
}

// raise gives up the smaller half of such sizes.
func (h *heavy) raise(sizes []int64) {
	slices.Sort(sizes)
	h.least = max(h.least, sizes[len(sizes)/2]+1)
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
		h.raise(sizes)
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
