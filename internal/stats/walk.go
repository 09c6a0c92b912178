package stats

import (
	"github.com/pika2kvrocks/pika2kvrocks/format"
)

// A walker puts names, which come in byte order, into a tree: a name shares most of its way with
// the one before it.
type walker struct {
	tree       *tree
	heavy      *heavy
	separators *[256]bool
	name       []byte // the last one, or its beginning
	way        []step
}

// A step is one part of the last name.
type step struct {
	node       *node
	end, whole int
	plain      bool // it is text, as all before it is
	id         bool // it is the first of the name that is not, and the name goes on
	Counts          // of an id: of the names behind it
}

// add takes in a key.
func (w *walker) add(name []byte, k format.Kind, c Counts) {
	cut := len(name) > nameRead
	name = name[:min(len(name), nameRead)]
	same := 0
	for same < len(name) && same < len(w.name) && name[same] == w.name[same] {
		same++
	}
	keep := 0
	for keep < len(w.way) && w.way[keep].whole < same {
		keep++
	}
	w.back(keep)
	w.name = append(w.name[:0], name...)
	n := w.down(cut)
	n.Counts.Add(c)
	n.byKind[k] += c.Keys
	for i := range w.way {
		if w.way[i].id {
			w.way[i].Add(c)
		}
	}
	if w.tree.nodes > mostNodes {
		w.back(0)
		w.tree.shrink()
	}
}

// down goes the rest of the way of a name, and returns the node at its end.
func (w *walker) down(cut bool) *node {
	n, at, plain := &w.tree.root, 0, true
	if len(w.way) > 0 {
		s := &w.way[len(w.way)-1]
		n, at, plain = s.node, s.end, s.plain
	}
	for at < len(w.name) {
		tok := next(w.name, at, w.separators, cut)
		if len(w.way) == w.tree.depth-1 {
			tok = token{kind: other, text: len(w.name), end: len(w.name), whole: len(w.name)}
		}
		below := w.tree.below(n, &tok, w.name, at)
		if tok.known {
			below.widen(tok.value)
		}
		isID := plain && !tok.isLast(w.name) && (tok.kind == number || tok.kind == uuid || tok.kind == hexadecimal)
		plain = plain && tok.kind == literal
		w.way = append(w.way, step{node: below, end: tok.end, whole: tok.whole, plain: plain, id: isID})
		n, at = below, tok.end
	}
	return n
}

// end is behind the last name of an order.
func (w *walker) end() {
	w.back(0)
	w.heavy.settle()
	w.name = w.name[:0]
}

// back goes back to where so many steps are left.
func (w *walker) back(keep int) {
	for i := len(w.way) - 1; i >= keep; i-- {
		if s := &w.way[i]; s.id {
			w.tree.id(s.node, w.name[:s.end])
			w.heavy.addNext(w.name[:s.end], s.Counts)
		}
	}
	w.way = w.way[:keep]
}
