package stats

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/axiomhq/hyperloglog"
)

// Limits of a tree. What they keep out is counted all the same: under a mark that stands for many.
const (
	mostLeaves    = 64     // last parts of names below one prefix that are told apart
	mostInner     = 256    // prefixes below one prefix
	mostNodes     = 16_000 // in all
	mostDepth     = 8      // parts of a name
	mostSketches  = 256
	sketchedDigit = 12 // precision: an error of 1.6 %, at most 4 KiB a sketch
)

// A tree counts keys by the parts of their names. Of a prefix with too many different names below
// it, the names are put together; of one with too many prefixes below it, the small ones are.
type tree struct {
	root          node
	nodes         int
	sketches      int
	leaves, inner int // limits now
	depth         int
	free          []*node // were nodes, and become others
}

// A node is a part of names, behind the parts of the nodes above it.
type node struct {
	kind kind
	text []byte // of a literal, and the separators behind it; of others these
	ends int    // how many separators

	Counts  // of names that end here; behind sum of all below as well
	byKind  [kindsEnd]int64
	low     int64 // of numbers and times
	high    int64
	ordered bool // low and high are known
	ids     *hyperloglog.Sketch

	last, more set // parts with which names end; parts behind which they go on
}

// A set holds the nodes below one.
type set struct {
	nodes    []*node // by kind, text without separators, and these
	recent   int     // where the node may be that was asked for last
	literals int
	merged   bool // names are put together, also those that come
}

func newTree() *tree { return &tree{leaves: mostLeaves, inner: mostInner, depth: mostDepth} }

// find returns where a node is, or belongs.
func (s *set) find(k kind, text []byte, ends int) (at int, found bool) {
	return slices.BinarySearchFunc(s.nodes, k, func(n *node, k kind) int {
		if n.kind != k {
			return cmp.Compare(n.kind, k)
		}
		if c := bytes.Compare(n.text[:len(n.text)-n.ends], text[:len(text)-ends]); c != 0 {
			return c
		}
		return bytes.Compare(n.text[len(n.text)-n.ends:], text[len(text)-ends:])
	})
}

// below returns the node of a token below n.
func (t *tree) below(n *node, tok *token, name []byte, from int) *node {
	in := &n.more
	if tok.isLast(name) {
		in = &n.last
	}
	k, text, ends := tok.kind, name[tok.text:tok.end], tok.end-tok.text
	if k == literal && in.merged {
		k = other
	} else if k == literal {
		text = name[from:tok.end]
	}
	if in.recent < len(in.nodes) {
		if r := in.nodes[in.recent]; r.kind == k && r.ends == ends && bytes.Equal(r.text, text) {
			return r
		}
	}
	at, found := in.find(k, text, ends)
	in.recent = at
	if found {
		return in.nodes[at]
	}
	added := t.newNode()
	added.kind, added.text, added.ends = k, append(added.text, text...), ends
	t.put(in, at, added)
	switch {
	case in == &n.more && in.literals > t.inner:
		t.mergeSmall(in, t.inner/2, added)
	case in == &n.last && in.literals > t.leaves:
		t.merge(in)
		return t.below(n, tok, name, from)
	}
	return added
}

func (t *tree) newNode() *node {
	end := len(t.free) - 1
	if end < 0 {
		return &node{}
	}
	n := t.free[end]
	t.free = t.free[:end]
	return n
}

// recycle takes a node that nobody uses any more.
func (t *tree) recycle(n *node) {
	*n = node{text: n.text[:0], last: set{nodes: n.last.nodes[:0]}, more: set{nodes: n.more.nodes[:0]}}
	t.free = append(t.free, n)
}

func (t *tree) put(in *set, at int, n *node) {
	in.nodes = slices.Insert(in.nodes, at, n)
	t.nodes++
	if n.kind == literal {
		in.literals++
	}
}

// merge puts all names of a set together.
func (t *tree) merge(in *set) {
	in.merged = true
	t.mergeSmall(in, 0, nil)
}

// mergeSmall puts prefixes of a set together but for so many, the largest, and one that is kept
// because it has just begun; nil: none.
func (t *tree) mergeSmall(in *set, most int, kept *node) {
	type sized struct {
		n     *node
		at    int
		bytes int64
	}
	all := make([]sized, 0, len(in.nodes))
	for i, n := range in.nodes {
		if n.kind == literal && n != kept {
			all = append(all, sized{n, i, n.total().Bytes})
		}
	}
	slices.SortFunc(all, func(a, b sized) int { return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.at, b.at)) })
	small := all[min(len(all), most):]
	for _, s := range small {
		in.nodes[s.at] = nil
	}
	in.nodes = slices.DeleteFunc(in.nodes, func(n *node) bool { return n == nil })
	t.nodes -= len(small)
	in.literals -= len(small)
	for _, s := range small {
		s.n.mark()
		t.add(in, s.n)
	}
}

// mark makes a literal one of many.
func (n *node) mark() { n.kind, n.text = other, append(n.text[:0], n.text[len(n.text)-n.ends:]...) }

func (n *node) below() []*node { return slices.Concat(n.last.nodes, n.more.nodes) }

// total returns what n and the nodes below it count.
func (n *node) total() Counts {
	c := n.Counts
	for _, s := range []*set{&n.last, &n.more} {
		for _, below := range s.nodes {
			c.Add(below.total())
		}
	}
	return c
}

// count adds what another node counts.
func (n *node) count(o *node) {
	n.Counts.Add(o.Counts)
	for k, keys := range o.byKind {
		n.byKind[k] += keys
	}
}

// add puts n, with all below it, into a set, together with the node that is there.
func (t *tree) add(in *set, n *node) {
	if n.kind == literal && in.merged {
		n.mark()
	}
	at, found := in.find(n.kind, n.text, n.ends)
	if !found {
		t.put(in, at, n)
		return
	}
	t.unite(in.nodes[at], n)
	t.recycle(n)
}

// unite adds what from and the nodes below it count to n. From has none of them any more.
func (t *tree) unite(n, from *node) {
	n.count(from)
	if from.ordered {
		n.widen(from.low)
		n.widen(from.high)
	}
	if from.ids != nil {
		if n.ids == nil {
			n.ids = from.ids
		} else if err := n.ids.Merge(from.ids); err != nil { // of another precision: there is none
			panic(err)
		} else {
			t.sketches--
		}
	}
	t.uniteSets(&n.last, &from.last)
	t.uniteSets(&n.more, &from.more)
	t.crowded(n)
}

func (t *tree) uniteSets(in, from *set) {
	if from.merged && !in.merged {
		t.merge(in)
	}
	for _, n := range from.nodes {
		t.nodes-- // add counts it where it goes
		t.add(in, n)
	}
}

// crowded puts together what is too much below n.
func (t *tree) crowded(n *node) {
	if n.last.literals > t.leaves {
		t.merge(&n.last)
	}
	if n.more.literals > t.inner {
		t.mergeSmall(&n.more, t.inner/2, nil)
	}
}

// widen makes low and high hold a value.
func (n *node) widen(value int64) {
	if !n.ordered {
		n.low, n.high, n.ordered = value, value, true
		return
	}
	n.low, n.high = min(n.low, value), max(n.high, value)
}

// id counts an id behind a prefix.
func (t *tree) id(n *node, name []byte) {
	if n.ids == nil {
		if t.sketches == mostSketches {
			return
		}
		n.ids, _ = hyperloglog.NewSketch(sketchedDigit, true) // the precision is one that it takes
		t.sketches++
	}
	n.ids.Insert(name)
}

// shrink makes room, if there are too many nodes, by telling fewer apart, and then by looking at
// fewer parts of a name. No node that was taken out before may be used after it.
func (t *tree) shrink() {
	for t.nodes > mostNodes && t.depth > 1 {
		if t.inner > 0 {
			t.leaves, t.inner = t.leaves/2, t.inner/2
		} else {
			t.depth--
		}
		t.limit(&t.root, t.depth)
	}
}

// limit holds the limits in all nodes below n.
func (t *tree) limit(n *node, depth int) {
	if depth == 0 {
		t.fold(n)
		return
	}
	t.crowded(n)
	for _, below := range n.below() {
		t.limit(below, depth-1)
	}
}

// fold makes names that go on behind n end there.
func (t *tree) fold(n *node) {
	for _, s := range []*set{&n.last, &n.more} {
		for _, below := range s.nodes {
			t.fold(below)
			t.nodes--
			if below.ids != nil {
				t.sketches--
			}
			n.count(below)
			t.recycle(below)
		}
		*s = set{nodes: s.nodes[:0]}
	}
}

// join adds what another tree counts, which is not used any more.
func (t *tree) join(o *tree) {
	t.leaves, t.inner, t.depth = min(t.leaves, o.leaves), min(t.inner, o.inner), min(t.depth, o.depth)
	t.nodes += o.nodes
	t.sketches += o.sketches
	t.limit(&t.root, t.depth)
	t.unite(&t.root, &o.root)
	t.limit(&t.root, t.depth)
	t.shrink()
}
