package stats

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/archive"
)

// counted puts names into trees, each a part of them in order, and joins these.
func counted(names []string, separators string, trees int) (*tree, *heavy) {
	set := [256]bool{}
	for _, b := range []byte(separators) {
		set[b] = true
	}
	all, heavies := newTree(), &heavy{}
	for part := range trees {
		w := walker{tree: newTree(), heavy: &heavy{}, separators: &set}
		for i, name := range slices.Sorted(slices.Values(names)) {
			if i%trees == part {
				w.add([]byte(name), format.String, Counts{Keys: 1, Bytes: int64(len(name))})
			}
		}
		w.end()
		all.join(w.tree)
		heavies.merge(w.heavy)
	}
	return all, heavies
}

// TestPattern: what a name alone looks like.
func TestPattern(t *testing.T) {
	for name, want := range map[string]string{
		"":                     "",
		"plain":                "plain",
		"user:42":              "user:<n>",
		"user:42:name":         "user:<n>:name",
		"user42:name":          "user<n>:name",
		"::a":                  "::a",
		"a:":                   "a:",
		"log:2026-11-28:x":     "log:<date>:x",
		"log:20261128":         "log:<date>",
		"log:2026112813":       "log:<date>",
		"log:20269928":         "log:<n>",
		"log:1764280000":       "log:<epoch>",
		"log:1764280000123":    "log:<epoch-ms>",
		"log:0000000042":       "log:<n>",
		"log:2026-11-28T10:00": "log:<date>:<n>",
		"s:123e4567-e89b-12d3-a456-426614174000:x":       "s:<uuid>:x",
		"s:0123456789abcdef0123456789abcdef":             "s:<hex>",
		"s:" + strings.Repeat("9", 40):                   "s:<n>",
		"b:\x00\xff:x":                                   "b:<binary>:x",
		"b:\x1b[31m":                                     "b:<binary>",
		"中文:值":                                           "中文:值",
		strings.Repeat("long", 20) + ":x":                "*:x",
		"a:" + strings.Repeat("long", 200):               "a:*",
		"a:b:c:d:e:f:g:h:i:j:k":                          "a:b:c:d:e:f:g:*",
		"{user:42}:x":                                    "{user:42}:x", // 42} is a word unless } separates
		"<script>alert(1)</script>:" + "\u202e" + "evil": "<script>alert(1)</script>:<binary>",
	} {
		tree, _ := counted([]string{name}, ":-", 1)
		got := ""
		tree.root.each("", func(prefix string, n *node) { got = prefix })
		if got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
}

// TestMerging: too many names below a prefix are put together, in whatever order and in how many
// parts they come, and so are small prefixes if there are too many; large ones are not.
func TestMerging(t *testing.T) {
	var names []string
	for i := range 3 * mostInner {
		names = append(names, fmt.Sprintf("%c%c%c:name", 'a'+i%26, 'a'+i/26%26, 'a'+i/676), fmt.Sprintf("few:%c%c", 'a'+i%26, 'a'+i/26))
	}
	for _, parts := range []int{1, 2, 5} {
		tree, h := counted(names, ":", parts)
		p := tree.names(h).Prefixes
		if i := slices.IndexFunc(p, func(p Prefix) bool { return p.Prefix == "few:*" }); i < 0 || p[i].Keys != 3*mostInner {
			t.Errorf("%+v", p)
		}
		if i := slices.IndexFunc(p, func(p Prefix) bool { return p.Prefix == "*:name" }); i < 0 || p[i].Keys < mostInner {
			t.Errorf("%+v", p)
		}
		if tree.root.Keys != int64(len(names)) {
			t.Errorf("%d keys of %d", tree.root.Keys, len(names))
		}
	}
}

// TestNewPrefixes: where each name has a prefix of its own, nodes are used again.
func TestNewPrefixes(t *testing.T) {
	w := walker{tree: newTree(), heavy: &heavy{}, separators: &[256]bool{':': true}}
	var names [][]byte
	for i := range 12*mostInner + 1 {
		names = append(names, fmt.Appendf(nil, "user:{%07d}:profile", i))
	}
	add := func() {
		w.add(names[0], format.String, Counts{Keys: 1})
		names = names[1:]
	}
	for range 2 * mostInner {
		add()
	}
	if n := testing.AllocsPerRun(10*mostInner, add); n > 1 {
		t.Errorf("%v allocations for each name", n)
	}
}

// TestHostileNames: whatever names are like, the tree stays small, and counts all of them.
func TestHostileNames(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	const separators = ":/-_.|"
	var names []string
	many := 20_000
	if testing.Short() {
		many = 5000
	}
	for range many {
		b := make([]byte, 1+rnd.IntN(40))
		for i := range b {
			b[i] = "abcdefgh0123:/-_.|\xff\x00"[rnd.IntN(20)]
		}
		names = append(names, string(b))
	}
	for _, parts := range []int{1, 3} {
		tree, h := counted(names, separators, parts)
		if tree.nodes > 2*mostNodes || tree.sketches > parts*mostSketches || len(h.ids) > mostHeavy {
			t.Errorf("%d nodes, %d sketches, %d ids", tree.nodes, tree.sketches, len(h.ids))
		}
		nodes := 0
		tree.root.each("", func(string, *node) { nodes++ })
		if nodes != tree.nodes {
			t.Errorf("%d nodes, counted as %d", nodes, tree.nodes)
		}
		if tree.names(h); tree.root.Keys != int64(len(names)) {
			t.Errorf("%d keys of %d", tree.root.Keys, len(names))
		}
	}
}

// TestSeries: dates, epochs and sequences are found, with their first and last; ids with gaps are
// no sequence, and numbers that look like times by chance are numbers.
func TestSeries(t *testing.T) {
	var names []string
	for i := range 500 {
		names = append(names, fmt.Sprintf("order:%d", i+1), fmt.Sprintf("gap:%d", 1000*i), fmt.Sprintf("page:%08d", 20260120+i),
			fmt.Sprintf("cpu:%d", 1764280000+60*i), fmt.Sprintf("day:2026-%02d-%02d:hits", 1+i%12, 1+i%28))
	}
	tree, h := counted(names, ":-", 2)
	got := map[string]string{}
	for _, s := range tree.names(h).Series {
		got[s.Prefix] = fmt.Sprint(s.Kind, " ", s.From, " ", s.To, " ", s.Keys)
	}
	want := map[string]string{
		"order:<n>":   "sequence 1 500 500",
		"cpu:<epoch>": "epoch 2025-11-27T21:46:40Z 2025-11-28T06:05:40Z 500",
		"page:<n>":    "sequence 20260120 20260619 500",
		"day:<date>:": "date 2026-01-01 2026-12-28 500",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestIDs: the largest ids are found among very many, and their counts are no more than they are.
func TestIDs(t *testing.T) {
	var names []string
	for i := range 30_000 {
		names = append(names, fmt.Sprintf("t:%d:x", i))
		if i%1000 == 7 {
			for j := range 50 {
				names = append(names, fmt.Sprintf("t:%d:%d", i, j))
			}
		}
	}
	tree, h := counted(names, ":", 2)
	n := tree.names(h)
	if len(n.IDs) != 1 || n.IDs[0].IDs < 29_000 || n.IDs[0].IDs > 31_000 {
		t.Errorf("%+v", n.IDs)
	}
	if n.Exact {
		t.Error("it is called exact")
	}
	for _, id := range n.LargestIDs[:30] {
		if id.Keys < 49 || id.Keys > 51 {
			t.Errorf("%+v", id)
		}
	}
}

// TestSeparators: what separates is found by looking, and what stands in random names does not.
func TestSeparators(t *testing.T) {
	s := separatorSample{}
	for i := range 1000 {
		s.add(fmt.Appendf(nil, "app/user_%d.x", i))
		s.add(fmt.Appendf(nil, "s%x-%x", i*7919, i*104729))
	}
	if _, list := s.found(); !slices.Equal(list, []string{":", "/", ".", "_"}) && !slices.Equal(list, []string{":", "/", "_", "."}) {
		t.Errorf("%q", list)
	}
}

// TestSampled: of whatever there is at most so many units are looked into for separators, spread
// over all of it.
func TestSampled(t *testing.T) {
	for n := range 200 {
		if some := sampled(make([]archive.Unit, n)); len(some) > sampledUnits || 2*len(some) < min(n, sampledUnits) {
			t.Errorf("of %d units %d", n, len(some))
		}
	}
}
