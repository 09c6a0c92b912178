package stats

import (
	"cmp"
	"slices"
)

const (
	mostBelow  = 24    // prefixes that are shown below one
	leastShare = 0.001 // of all bytes or keys: what has less is not shown by itself
	mostIDs    = 50
	mostSeries = 50
)

// A Prefix is what keys whose names begin alike have in common. Parts that differ from name to name
// stand in it as marks: <n> a number, <date>, <epoch> seconds, <epoch-ms>, <uuid>, <hex>, <binary>;
// * stands for more different parts than are told apart.
type Prefix struct {
	Prefix string `json:"prefix"`
	Counts
	Types map[string]int64 `json:"types"` // keys by type
	// Below has the prefixes that begin with this one, the largest first. What is not among them is
	// small, or ends here.
	Below []Prefix `json:"below"`
}

// IDs are behind a prefix, such as those of tenants.
type IDs struct {
	Prefix string `json:"prefix"`
	IDs    int64  `json:"ids"` // how many, by HyperLogLog: give or take 1.6 %
	Counts
}

// Names are what names of keys look like.
type Names struct {
	Separators []string `json:"separators"` // at which names were split
	Prefixes   []Prefix `json:"prefixes"`
	Series     []Series `json:"series"`
	IDs        []IDs    `json:"ids"`
	// LargestIDs are those with the most bytes. If Exact is not set, there were many, and what is
	// counted of each is the least that it has.
	LargestIDs []ID `json:"largest_ids"`
	Exact      bool `json:"largest_ids_exact"`
}

// names returns what a tree knows of names.
func (t *tree) names(h *heavy) Names {
	t.root.sum()
	b := bounds{int64(leastShare * float64(t.root.Bytes)), int64(leastShare * float64(t.root.Keys))}
	n := Names{Prefixes: b.below(&t.root, ""), Series: []Series{}, IDs: []IDs{}, LargestIDs: h.list(mostIDs), Exact: h.least == 0}
	t.root.each("", func(prefix string, at *node) {
		if s, ok := at.series(prefix); ok {
			n.Series = append(n.Series, s)
		}
		if at.ids != nil {
			n.IDs = append(n.IDs, IDs{prefix, max(1, int64(at.ids.Estimate())), at.Counts})
		}
	})
	slices.SortFunc(n.Series, func(a, b Series) int { return larger(a.Counts, b.Counts, a.Prefix, b.Prefix) })
	slices.SortFunc(n.IDs, func(a, b IDs) int { return larger(a.Counts, b.Counts, a.Prefix, b.Prefix) })
	n.Series, n.IDs = n.Series[:min(len(n.Series), mostSeries)], n.IDs[:min(len(n.IDs), mostIDs)]
	return n
}

func larger(a, b Counts, x, y string) int {
	return cmp.Or(-cmp.Compare(a.Bytes, b.Bytes), -cmp.Compare(a.Keys, b.Keys), cmp.Compare(x, y))
}

// sum adds to each node what is below it. Numbers that happen to look like times go to the numbers
// beside them.
func (n *node) sum() {
	for _, s := range []*set{&n.last, &n.more} {
		s.settle()
		for _, below := range s.nodes {
			below.sum()
			n.count(below)
		}
	}
}

// settle puts times among numbers, if there are more of those.
func (s *set) settle() {
	for i := 0; i < len(s.nodes); i++ {
		n := s.nodes[i]
		if n.kind != date && n.kind != epoch && n.kind != millis {
			continue
		}
		at, found := s.find(number, n.text, n.ends) // before it
		if found && s.nodes[at].total().Keys > n.total().Keys {
			s.nodes = slices.Delete(s.nodes, i, i+1)
			i--
			newTree().unite(s.nodes[at], n)
		}
	}
}

func (n *node) types() map[string]int64 {
	all := map[string]int64{}
	for _, k := range kinds {
		if n.byKind[k] > 0 {
			all[k.String()] = n.byKind[k]
		}
	}
	return all
}

// shown is a node's part of a pattern.
func (n *node) shown() string { return marks[n.kind] + string(n.text) }

// each calls do with all nodes below n and their patterns.
func (n *node) each(prefix string, do func(string, *node)) {
	for _, below := range n.below() {
		do(prefix+below.shown(), below)
		below.each(prefix+below.shown(), do)
	}
}

// bounds say from which size on a prefix is shown.
type bounds struct{ bytes, keys int64 }

// below returns the prefixes below a node.
func (b bounds) below(n *node, prefix string) []Prefix {
	all := []Prefix{}
	for _, below := range n.below() {
		if below.Bytes >= b.bytes || below.Keys >= b.keys {
			all = append(all, b.prefix(below, prefix+below.shown()))
		}
	}
	slices.SortFunc(all, func(x, y Prefix) int { return larger(x.Counts, y.Counts, x.Prefix, y.Prefix) })
	return all[:min(len(all), mostBelow)]
}

// prefix returns a node as a prefix. One with a single way below it is that way.
func (b bounds) prefix(n *node, prefix string) Prefix {
	for below := n.below(); len(below) == 1 && below[0].Keys == n.Keys; below = n.below() { // else names end here as well
		n, prefix = below[0], prefix+below[0].shown()
	}
	return Prefix{prefix, n.Counts, n.types(), b.below(n, prefix)}
}

const leastSeries = 20 // keys: fewer are no series
