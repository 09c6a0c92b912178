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

	last  []byte // the id of which more may come
	count Counts // its
}

// addNext adds to the last id, or to another one; settle adds the last.
func (h *heavy) addNext(name []byte, c Counts) {
	if !bytes.Equal(name, h.last) {
		h.settle()
		h.last = append(h.last[:0], name...)
	}
	h.count.Add(c)
}

func (h *heavy) settle() {
	if h.count.Keys > 0 && h.count.Bytes >= h.least {
		h.add(h.last, h.count)
	}
	h.last, h.count = h.last[:0], Counts{}
}

// add adds an id. One that is not larger than what was given up may be as large, and have been kept
// elsewhere.
func (h *heavy) add(id []byte, c Counts) {
	if is := h.ids[string(id)]; is != nil {
		is.Add(c)
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

func (h *heavy) list(most int) []ID {
	all := []ID{}
	for _, id := range h.largest()[:min(len(h.ids), most)] {
		all = append(all, ID{id, *h.ids[id]})
	}
	return all
}
