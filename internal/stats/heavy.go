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
		h.addFresh()
	}
}

// settle adds what addNext was given.
func (h *heavy) settle() {
	h.endLast()
	h.last, h.count = h.last[:0], Counts{}
	h.addFresh()
}

func (h *heavy) addFresh() {
	from := 0
	for _, f := range h.fresh {
		h.add(h.names[from:f.end], f.Counts)
		from = f.end
	}
	h.fresh, h.names = h.fresh[:0], h.names[:0]
}

// add adds an id. One that is not larger than what was given up may be as large, and have been kept
// elsewhere.
func (h *heavy) add(id []byte, c Counts) {
	if is := h.ids[string(id)]; is != nil {
		is.add(c)
		return
	}
	if c.Bytes < h.least-1 {
		return
	}
	if h.ids == nil {
		h.ids = map[string]*Counts{}
	}
	h.ids[string(id)] = &c
	if len(h.ids) > mostHeavy {
		small := h.largest()[mostHeavy/2:]
		h.least = max(h.least, h.ids[small[0]].Bytes+1)
		for _, id := range small {
			delete(h.ids, id)
		}
	}
}

func (h *heavy) merge(o *heavy) {
	h.least = max(h.least, o.least)
	for _, id := range o.largest() {
		h.add([]byte(id), *o.ids[id])
	}
}

// largest returns the ids, the largest first: in one order whatever that of the map is.
func (h *heavy) largest() []string {
	return slices.SortedFunc(maps.Keys(h.ids), func(a, b string) int {
		return cmp.Or(-cmp.Compare(h.ids[a].Bytes, h.ids[b].Bytes), cmp.Compare(a, b))
	})
}

// An ID is one of the ids with the most bytes, with the prefix before it.
type ID struct {
	Prefix string `json:"prefix"`
	Counts
}

// list returns the largest.
func (h *heavy) list(most int) []ID {
	all := []ID{}
	for _, id := range h.largest()[:min(len(h.ids), most)] {
		all = append(all, ID{id, *h.ids[id]})
	}
	return all
}
