package stats

import (
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
	key           []byte
}

// A node is a part of names, behind the parts of the nodes above it.
type node struct {
	kind kind
	text string // of a literal
	ends string // the separators behind it

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
	nodes    map[string]*node
	recent   *node // that was asked for last; nil: it may have gone
	literals int
	merged   bool // names are put together, also those that come
}

func newTree() *tree { return &tree{leaves: mostLeaves, inner: mostInner, depth: mostDepth} }

// key names a node among those beside it. Literals begin with a byte that is printed.
func (n *node) key() string {
	if n.kind == literal {
		return n.text + n.ends
	}
	return string(rune(n.kind)) + n.ends
}

// below returns the node of a token below n.
func (t *tree) below(n *node, tok *token, name []byte, from int) *node {
	in := &n.more
	if tok.isLast(name) {
		in = &n.last
	}
	k, text := tok.kind, name[from:tok.text]
	if k == literal && in.merged {
		k = other
	}
	ends := name[tok.text:tok.end]
	if k != literal {
		text = nil
	}
	if r := in.recent; r != nil && r.kind == k && r.text == string(text) && r.ends == string(ends) {
		return r
	}
	t.key = t.key[:0]
	if k != literal {
		t.key = append(t.key, byte(k))
	}
	t.key = append(append(t.key, text...), ends...)
	if found := in.nodes[string(t.key)]; found != nil {
		in.recent = found
		return found
	}
	added := &node{kind: k, text: string(text), ends: string(ends)}
	t.put(in, added)
	switch {
	case in == &n.more && in.literals > t.inner:
		t.mergeSmall(in, added)
	case in == &n.last && in.literals > t.leaves:
		t.merge(in)
		return t.below(n, tok, name, from)
	}
	return added
}

func (t *tree) put(in *set, n *node) {
	if in.nodes == nil {
		in.nodes = map[string]*node{}
	}
	in.nodes[n.key()] = n
	t.nodes++
	if n.kind == literal {
		in.literals++
	}
}

// merge puts all names of a set together.
func (t *tree) merge(in *set) {
	in.merged = true
	for _, n := range in.nodes {
		if n.kind == literal {
			t.mergeNode(in, n)
		}
	}
}

func (t *tree) mergeNode(in *set, n *node) {
	delete(in.nodes, n.key())
	in.recent = nil
	t.nodes--
	in.literals--
	n.kind, n.text = other, ""
	t.add(in, n)
}

// mergeSmall puts prefixes of a set together but for the larger half of as many as it may have, and
// one that is kept because it has just begun; nil: none.
func (t *tree) mergeSmall(in *set, kept *node) {
	type sized struct {
		n     *node
		bytes int64
	}
	var all []sized
	for _, n := range in.nodes {
		if n.kind == literal && n != kept {
			all = append(all, sized{n, n.total().Bytes})
		}
	}
	slices.SortFunc(all, func(a, b sized) int {
		return cmp.Or(cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.n.text, b.n.text), cmp.Compare(a.n.ends, b.n.ends))
	})
	for _, small := range all[min(len(all), t.inner/2):] {
		t.mergeNode(in, small.n)
	}
}

// total returns what n and the nodes below it count.
func (n *node) total() Counts {
	c := n.Counts
	for _, s := range []*set{&n.last, &n.more} {
		for _, below := range s.nodes {
			c.add(below.total())
		}
	}
	return c
}

// add puts n, with all below it, into a set, together with the node that is there.
func (t *tree) add(in *set, n *node) {
	if n.kind == literal && in.merged {
		n.kind, n.text = other, ""
	}
	is := in.nodes[n.key()]
	if is == nil {
		t.put(in, n)
		return
	}
	t.unite(is, n)
}

// unite adds what from and the nodes below it count to n.
func (t *tree) unite(n, from *node) {
	n.Counts.add(from.Counts)
	for k, keys := range from.byKind {
		n.byKind[k] += keys
	}
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
		t.mergeSmall(&n.more, nil)
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
	for _, s := range []*set{&n.last, &n.more} {
		for _, below := range s.nodes {
			t.limit(below, depth-1)
		}
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
			n.Counts.add(below.Counts)
			for k, keys := range below.byKind {
				n.byKind[k] += keys
			}
		}
		*s = set{}
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
