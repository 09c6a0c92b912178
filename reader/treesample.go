package reader

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/pika2kvrocks/pika2kvrocks/format"
	"github.com/pika2kvrocks/pika2kvrocks/internal/resp"
)

// A treeSample estimates how many keys there are, and picks a sample, without reading them all. It
// takes the keys of a type for a tree of bytes (Knuth, "Estimating the efficiency of backtrack
// programs", 1975): where a subtree is small it is read; the largest are looked into, and of each
// of the others a path picked at random stands for the whole. The estimate is unbiased whatever the
// keys look like.

// TreeSampleOptions say how much of a type is looked at.
type TreeSampleOptions struct {
	Picks    int    // so many of the largest subtrees are looked into
	LeafKeys int    // so many keys of each leaf are read
	Types    int    // of so many keys it is found out in how many types their names stand
	Seed     uint64 // the same seed picks the same of the same keys
}

// leafKeys is up to how many keys a subtree is read whole.
const leafKeys = 64

// treeSample walks the tree of one type's keys.
type treeSample struct {
	w     *scan
	c     *conn
	typ   format.Type
	o     TreeSampleOptions
	rng   *rand.Rand
	count float64
	each  func(weight float64, k Sampled) error
}

// TreeSample estimates how many keys of a type a database has, and hands over a sample of them,
// each with the number of keys that it stands for.
func (s *Scanner) TreeSample(ctx context.Context, db int, t format.Type, o TreeSampleOptions, each func(weight float64, k Sampled) error) (keys float64, err error) {
	c, err := s.dial(ctx, db)
	if err != nil {
		return 0, err
	}
	defer c.close()
	var b resp.Batch
	if t != format.TypeStream {
		b.Add("PKRSCANRANGE", string(t), s.probe, s.probe, "LIMIT", 1)
	}
	if t != format.TypeString {
		b.Add(lengthCommands[t], s.probe)
	}
	if err := c.prove(ctx, &b); err != nil {
		return 0, fmt.Errorf("sample db%d %s: %w", db, t, s.o.explain(err))
	}
	cs := &treeSample{
		w: &scan{exchange: exchange{s: s.session, c: c}, pass: NewPass(db, t, nil, nil)}, c: c, typ: t, o: o,
		rng: rand.New(rand.NewPCG(o.Seed, uint64(db))), each: each,
	}
	if t == format.TypeStream {
		err = cs.streams(ctx)
	} else {
		err = cs.walk(ctx)
	}
	if err != nil {
		return 0, fmt.Errorf("sample db%d %s: %w", db, t, err)
	}
	return cs.count, nil
}

// streams takes each list of them for one leaf: they can only be listed in one go, or by prefixes.
// Of the first lists, which may be all, as many keys are read as of the picks among other types.
func (cs *treeSample) streams(ctx context.Context) error {
	least, spare := cs.o.LeafKeys, cs.o.LeafKeys*cs.o.Picks
	l := streamList{w: cs.w, each: func(names [][]byte) error {
		spare /= 2
		cs.o.LeafKeys = least + spare
		return cs.leaf(ctx, names, 1)
	}, unlisted: func([]byte) error { return nil }}
	return l.under(ctx, nil)
}

// leaf counts the keys of a leaf and reads some of them.
func (cs *treeSample) leaf(ctx context.Context, keys [][]byte, weight float64) error {
	cs.count += weight * float64(len(keys))
	picked := keys
	if len(picked) > cs.o.LeafKeys {
		cs.rng.Shuffle(len(picked), func(i, j int) { picked[i], picked[j] = picked[j], picked[i] })
		picked = picked[:cs.o.LeafKeys]
	}
	weight *= float64(len(keys)) / float64(max(1, len(picked)))
	for _, key := range picked {
		cs.o.Types--
		if err := cs.w.sampleKey(ctx, key, cs.o.Types >= 0, func(k Sampled) error { return cs.each(weight, k) }); err != nil {
			return err
		}
	}
	return nil
}

// A node is a subtree that is too large to be a leaf.
type node struct {
	prefix, end, first []byte
	pilot              float64 // a first, rough estimate of its keys
}

// walk looks into the largest subtrees first, as far as a rough estimate of each tells, and
// then lets a path picked at random stand for each that is left.
func (cs *treeSample) walk(ctx context.Context) error {
	keys, err := cs.keys(ctx, nil, nil, leafKeys+1)
	if err != nil || len(keys) == 0 {
		return err
	}
	if len(keys) <= leafKeys {
		return cs.leaf(ctx, keys, 1)
	}
	frontier := []node{{first: keys[0]}}
	for range cs.o.Picks {
		largest := 0
		for i := range frontier {
			if frontier[i].pilot > frontier[largest].pilot {
				largest = i
			}
		}
		if len(frontier) == 0 {
			return nil
		}
		n := frontier[largest]
		frontier = slices.Delete(frontier, largest, largest+1)
		deep, err := cs.expand(ctx, n, func(keys [][]byte) error { return cs.leaf(ctx, keys, 1) })
		if err != nil {
			return err
		}
		for _, d := range deep {
			if err := cs.descend(ctx, d, 1, func(keys [][]byte, weight float64) error {
				d.pilot += weight * float64(len(keys))
				return nil
			}); err != nil {
				return err
			}
			frontier = append(frontier, d)
		}
	}
	for _, n := range frontier {
		if err := cs.descend(ctx, n, 1, func(keys [][]byte, weight float64) error { return cs.leaf(ctx, keys, weight) }); err != nil {
			return err
		}
	}
	return nil
}

// descend goes down one path picked at random and hands over the leaves beside it.
func (cs *treeSample) descend(ctx context.Context, n node, weight float64, leaf func([][]byte, float64) error) error {
	for {
		deep, err := cs.expand(ctx, n, func(keys [][]byte) error { return leaf(keys, weight) })
		if err != nil || len(deep) == 0 {
			return err
		}
		n = deep[cs.rng.IntN(len(deep))]
		weight *= float64(len(deep))
	}
}

// expand hands over the children of a node that are leaves, and returns the others.
func (cs *treeSample) expand(ctx context.Context, n node, leaf func([][]byte) error) (deep []node, err error) {
	prefix, end := n.prefix, n.end
	// What all keys share beyond the prefix is walked down at once.
	last, err := cs.c.oneKey(ctx, "PKRSCANRANGE", cs.typ, end, prefix)
	if err != nil {
		return nil, err
	}
	if last != nil && !bytes.Equal(last, end) { // the bound is inclusive, and not ours
		if k := commonPrefix(n.first, last); k > len(prefix) && k < len(n.first) {
			prefix = n.first[:k:k]
			end = successor(prefix)
		}
	}
	for from := append([]byte{}, prefix...); from != nil && (end == nil || bytes.Compare(from, end) < 0); {
		keys, err := cs.keys(ctx, from, end, leafKeys+1)
		if err != nil {
			return nil, err
		}
		all := len(keys) <= leafKeys // that are left
		for begin := true; len(keys) > 0; begin = false {
			c := node{prefix: keys[0], end: append(bytes.Clone(keys[0]), 0), first: keys[0]} // the key that is the prefix itself
			if len(keys[0]) > len(prefix) {
				c.prefix = keys[0][: len(prefix)+1 : len(prefix)+1]
				c.end = successor(c.prefix)
			} else if cs.w.s.MayHide(keys[0]) { // a 4.0 lists all that it cuts there under this name
				c.end = successor(keys[0])
			}
			from = c.end
			n := len(keys)
			if c.end != nil {
				n, _ = slices.BinarySearchFunc(keys, c.end, bytes.Compare)
			}
			switch {
			case all || n < len(keys) || len(keys[0]) <= len(prefix): // nothing is below a name
				if err := leaf(keys[:n]); err != nil {
					return nil, err
				}
			case begin:
				deep = append(deep, c)
			default: // it may have more than came
				from = c.first
			}
			keys = keys[n:]
		}
		if all {
			break
		}
	}
	return deep, nil
}

func commonPrefix(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// keys returns up to n keys from start on that lie before end.
func (cs *treeSample) keys(ctx context.Context, start, end []byte, n int) ([][]byte, error) {
	found, err := keys(ctx, cs.c.do, "PKSCANRANGE", cs.typ, start, end, n)
	return slices.DeleteFunc(found, func(k []byte) bool { return end != nil && bytes.Compare(k, end) >= 0 }), err
}
